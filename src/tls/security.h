#pragma once

#include "tls/context.h"
#include "tls/settings.h"
#include "transport/stream_security.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// The TLS of a server: certificates that can be exchanged while it runs.
///
/// Thread-safety: every member may be called from any thread.
class server_tls final : public stream_security {
public:
    /// `log` gets its lines; null: the process's sink.
    explicit server_tls(tls_config config, std::shared_ptr<log_output> log = {});

    [[nodiscard]] Result<transport::transport_factory> transports_to(
        std::string_view host, std::uint16_t port, std::string_view source) override;
    /// An alert (internal_error): there is no handshake that could say more.
    [[nodiscard]] std::vector<std::uint8_t> refusal() const override {
        return {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50};
    }
    [[nodiscard]] tls_metrics metrics() const override { return counters_->read(); }
    [[nodiscard]] VoidResult reload(std::string_view source) override;

private:
    using settings_ptr = std::shared_ptr<const transport::tls_settings>;
    class current_settings;

    const tls_config config_;
    const std::shared_ptr<log_output> log_;
    const std::shared_ptr<transport::tls_counters> counters_ =
        std::make_shared<transport::tls_counters>();
    // For all that this server ever does: tickets survive reloads and restarts.
    const std::shared_ptr<tls_ticket_keys> tickets_;
    std::atomic<std::uint64_t> reloads_{0};
    // Shared with the transport factories, which may outlive this.
    const std::shared_ptr<current_settings> current_;
};

/// The TLS of a client. Clients of equal configurations share what was read and their sessions.
///
/// Thread-safety: every member may be called from any thread.
class client_tls final : public stream_security {
public:
    explicit client_tls(tls_config config, std::shared_ptr<log_output> log = {});

    [[nodiscard]] Result<transport::transport_factory> transports_to(
        std::string_view host, std::uint16_t port, std::string_view source) override;
    [[nodiscard]] std::vector<std::uint8_t> refusal() const override { return {}; }
    [[nodiscard]] tls_metrics metrics() const override { return counters_->read(); }
    /// Each connection reads what has changed.
    [[nodiscard]] VoidResult reload(std::string_view) override { return ok(); }

private:
    friend Result<transport::transport_factory> make_transports_through(
        const secure_proxy& proxy, std::shared_ptr<log_output> log, stream_security* security,
        std::string_view host, std::uint16_t port, std::string_view source);
    class target;

    [[nodiscard]] Result<std::shared_ptr<target>> target_at(std::string_view host,
                                                            std::string_view source);

    const tls_config config_;
    const std::shared_ptr<log_output> log_;
    const std::shared_ptr<transport::tls_counters> counters_ =
        std::make_shared<transport::tls_counters>();
    std::mutex mutex_;
    // Keeps what was read for the next start.
    std::shared_ptr<target> last_;
};

}  // namespace network_system::core
