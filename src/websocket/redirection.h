#pragma once

#include "protocol/websocket/url.h"
#include "transport/stream_security.h"
#include "websocket/session_settings.h"

#include <network_system/core/ws_options.h>
#include <network_system/utils/result_types.h>

#include <memory>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// What a client uses that is redirected to another origin: what its configuration says of TLS,
/// without what was meant for one server (its name, the client certificate). Null without
/// redirects. Error: `not_supported` (no TLS in this build).
[[nodiscard]] Result<std::shared_ptr<stream_security>> make_security_elsewhere(
    const ws_client_config& config, std::string_view source);

/// How a client follows redirects: what goes along with each, and what does not.
///
/// Thread-safety: none.
class ws_redirection {
public:
    using settings_ptr = std::shared_ptr<const session::websocket_settings>;

    /// `first` are the settings for the configured server. `elsewhere`: see
    /// `make_security_elsewhere`.
    ws_redirection(settings_ptr first, Result<std::shared_ptr<stream_security>> elsewhere)
        : first_(std::move(first)), present_(first_), elsewhere_(std::move(elsewhere)) {}

    /// The next request is for this URL. Error: as above, and what is wrong with it.
    [[nodiscard]] VoidResult follow(const websocket::url& to, std::string_view source);
    /// The next request is for the configured server.
    void reset() noexcept {
        present_ = first_;
        is_elsewhere_ = false;
    }

    [[nodiscard]] const settings_ptr& present() const noexcept { return present_; }
    /// Whether the next request is for another origin, or the last one has come from one.
    [[nodiscard]] bool is_elsewhere() const noexcept { return is_elsewhere_; }
    /// What connections elsewhere are made with.
    [[nodiscard]] Result<transport::transport_factory> transports(
        const std::shared_ptr<const proxy_options>& proxy, std::shared_ptr<log_output> log,
        std::string_view source) const;
    /// "after 2 redirects, at wss://example.org/chat".
    [[nodiscard]] std::string way() const;

private:
    const settings_ptr first_;
    settings_ptr present_;
    const Result<std::shared_ptr<stream_security>> elsewhere_;
    // Since the first redirect to another origin, wherever the later ones have led.
    bool is_elsewhere_ = false;
};

}  // namespace network_system::core
