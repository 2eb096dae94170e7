#pragma once

#include <network_system/session/messaging_session.h>
#include <network_system/utils/error_codes.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::session {

/// A session without a connection: an id, a queue length and a stop counter.
class fake_session final : public messaging_session {
public:
    explicit fake_session(std::string id) : messaging_session(std::move(id), {}, {}) {}

    discardable_result pause_receiving() override { return ok(); }
    discardable_result resume_receiving() override { return ok(); }
    VoidResult stop_session(stop_handler&&) override { return ok(); }
    discardable_result stop_session() override {
        ++stops;
        if (on_stop) {
            on_stop();
        }
        return ok();
    }
    bool is_stopped() const noexcept override { return stops > 0; }
    VoidResult receive_packet(receive_handler&&, operation_id) override {
        return error_void(-13, "not part of this test");
    }
    bool cancel(operation_id) override { return false; }
    VoidResult post(unique_function<void()>) override { return ok(); }
    bool runs_here() const noexcept override { return false; }
    VoidResult ping(ping_handler&&, operation_id) override {
        return error_void(static_cast<int>(errc::not_supported), "fake");
    }
    std::size_t queued_bytes() const noexcept override { return queued; }
    session_metrics metrics() const noexcept override { return {}; }

    int stops = 0;
    std::size_t queued = 0;
    std::function<void()> on_stop;

protected:
    VoidResult send_owned(std::vector<std::uint8_t>&, send_callback&) override { return ok(); }
    VoidResult send_keyed(std::string_view, std::span<const std::uint8_t>,
                          send_callback&) override {
        return ok();
    }
    VoidResult send_request(std::span<const std::uint8_t>, std::chrono::milliseconds, operation_id,
                            response_handler&) override {
        return ok();
    }
    VoidResult send_response(std::uint64_t, int, std::span<const std::uint8_t>) override {
        return ok();
    }
    void settle_request(std::uint64_t, int, std::span<const std::uint8_t>) noexcept override {}
    stream_session& stream() noexcept override { std::abort(); }  // there is none
    VoidResult send_copy(std::span<const std::uint8_t>, send_callback&) override { return ok(); }
};

inline std::shared_ptr<fake_session> fake(const std::string& id, std::size_t queued = 0) {
    auto made = std::make_shared<fake_session>(id);
    made->queued = queued;
    return made;
}

}  // namespace network_system::session
