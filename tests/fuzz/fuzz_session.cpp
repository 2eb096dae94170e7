// A session of framed messages; see session_scenario.h.
#include "framed/session.h"
#include "fuzz/session_scenario.h"
#include "protocol/framing/frame_decoder.h"

#include <array>

namespace {

using namespace network_system;
using namespace network_system::fuzz;

class framed_host final : public busy_host {
public:
    void on_request(const session::session_ptr& who, byte_span data,
                    detail::request_call& call) override {
        ++answers;  // also where the handler throws: the peer is told so
        switch (now) {
            case mood::calm: (void)call.defer(); break;
            case mood::echoing: call.answer(to_bytes(data)); break;
            default: act(who, session::message_kind::binary, data); break;
        }
    }

private:
    VoidResult echo(const session::session_ptr& who, session::message_kind,
                    byte_span data) override {
        return who->send_packet(data);
    }
};

class scenario final : public session_scenario {
public:
    scenario(connection_role role, std::uint8_t options)
        : session_scenario(role, options, std::make_shared<framed_host>(), 1) {
        constexpr std::array<framing, 4> framings{framing::message, framing::message,
                                                  framing::length_prefixed, framing::raw};
        config_.frames = framings[options % framings.size()];
        session_ = std::make_shared<session::framed_session>(transport(), host_, setup());
    }

private:
    void feed(unsigned what, std::uint8_t amount) override {
        switch (what) {
            case 1: script_->feed(wire_data(pattern(amount * std::size_t{80}))); break;
            case 2: script_->feed(wire_frame(amount % 10U, 0, pattern(8))); break;
            default: script_->feed(hello(amount)); break;
        }
    }
    void disturb_session(unsigned, std::uint8_t) override { (void)session_->stop_session(); }
    VoidResult send(byte_span data, session::send_callback done) override {
        return session_->send_packet(data, std::move(done));
    }
    VoidResult send(byte_string&& data, session::send_callback done) override {
        return session_->send_packet(std::move(data), std::move(done));
    }
    /// Frames in an order that makes sense.
    void check_written() const override {
        if (config_.frames != framing::message) {
            return;
        }
        std::size_t hellos = 0;
        bool has_ended = false;
        protocol::frame_decoder decoder(framing::message, max_message_size);
        const auto progress = decoder.consume(script_->written, [&](const protocol::frame& each) {
            using protocol::frame_type;
            require(!has_ended, "a goodbye is the last frame");
            require(each.flags == 0, "no flags are sent");
            hellos += each.type == frame_type::hello ? 1 : 0;
            // A client's answers a server's; what this application sends before it is earlier.
            require(hellos <= 1 && (hellos == 1 || role_ == connection_role::client),
                    "there is one hello, and a server's is its first frame");
            require(each.type != frame_type::request, "nobody here asks");
            has_ended = each.type == frame_type::goodbye;
            return true;
        });
        require(!progress.error, "what is written is well-formed");
    }
    /// Of the other side; of a server with capabilities, or as the first version says it.
    [[nodiscard]] byte_string hello(std::uint8_t amount) const {
        const byte_string capabilities = big_endian(amount, 4);
        if (role_ == connection_role::server) {
            return wire_frame(4, 0, concat({capabilities, pattern(amount % 8U)}));
        }
        return wire_frame(4, 0,
                          concat({big_endian(1, 2), big_endian(15'000, 4), big_endian(0, 8),
                                  amount % 2 == 0 ? byte_string{} : capabilities}));
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return run_both_roles<scenario>(data, size);
}
