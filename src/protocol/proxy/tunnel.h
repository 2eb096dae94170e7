#pragma once

#include "protocol/framing/frame.h"

#include <network_system/utils/error_codes.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::protocol {

/// Who asks a proxy; without a user: nobody.
struct proxy_credentials {
    std::string_view user;
    std::string_view password;

    [[nodiscard]] bool empty() const noexcept { return user.empty(); }
};

/// The client's side of what opens a tunnel through a proxy: bytes out, bytes in, until bytes of
/// the target may follow.
///
///     asking --answers--> open
///        +-- refusal, malformed answer --> failed
///
/// Reads the proxy's answers, in whatever pieces they come, and not a byte more: what follows
/// belongs to the target.
///
/// Thread-safety: none.
class tunnel_request {
public:
    enum class status : std::uint8_t { asking, open, failed };

    tunnel_request() = default;
    tunnel_request(const tunnel_request&) = delete;
    tunnel_request& operator=(const tunnel_request&) = delete;
    virtual ~tunnel_request() = default;

    /// What has to be sent now: at the beginning, and after each `consume`. Mostly nothing.
    [[nodiscard]] std::vector<std::uint8_t> take_output() noexcept {
        return std::exchange(output_, {});
    }
    /// How many bytes may be read next without reading what is the target's; 0 once it is open or
    /// has failed.
    [[nodiscard]] virtual std::size_t wanted() const noexcept = 0;
    /// Takes the bytes that belong to the proxy's answers; how many.
    virtual std::size_t consume(bytes_view data) = 0;

    [[nodiscard]] status state() const noexcept { return state_; }
    /// Once failed: `handshake_rejected` when asking again would bring the same answer, another
    /// code when the target cannot be reached for now.
    [[nodiscard]] errc code() const noexcept { return code_; }
    /// Once failed: what is wrong, in words of ours: a proxy may repeat what it was sent.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

protected:
    void send(bytes_view bytes) { output_.insert(output_.end(), bytes.begin(), bytes.end()); }
    void open() noexcept { state_ = status::open; }
    void fail(errc code, std::string text) noexcept {
        state_ = status::failed;
        code_ = code;
        text_ = std::move(text);
    }

private:
    std::vector<std::uint8_t> output_;
    std::string text_;
    errc code_{};
    status state_ = status::asking;
};

}  // namespace network_system::protocol
