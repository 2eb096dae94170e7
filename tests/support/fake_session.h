#pragma once

#include <network_system/session/messaging_session.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace network_system::inline v0_1::session {

/// A session without a connection: an id, a queue length and a stop counter.
class fake_session final : public messaging_session {
public:
    explicit fake_session(std::string id) : messaging_session(std::move(id), {}, {}) {}

    discardable_result stop_session() override {
        ++stops;
        if (on_stop) {
            on_stop();
        }
        return ok();
    }
    bool is_stopped() const noexcept override { return stops > 0; }
    std::size_t queued_bytes() const noexcept override { return queued; }

    int stops = 0;
    std::size_t queued = 0;
    std::function<void()> on_stop;

protected:
    VoidResult send_copy(std::span<const std::uint8_t>, send_callback&) override { return ok(); }
};

inline std::shared_ptr<fake_session> fake(const std::string& id, std::size_t queued = 0) {
    auto made = std::make_shared<fake_session>(id);
    made->queued = queued;
    return made;
}

}  // namespace network_system::session
