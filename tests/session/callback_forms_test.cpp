// The forms of callbacks: what a callable takes is what it gets, and the richest of several.
#include <network_system/core/callbacks.h>
#include <network_system/core/udp_callbacks.h>
#include <network_system/core/ws_callbacks.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::detail {
namespace {

struct someone {
    [[nodiscard]] const std::string& id() const noexcept { return name; }
    std::string name = "7";
};
using someone_ptr = std::shared_ptr<someone>;
using close_code = ws_close_code;
using ws_end = callback_of_kind<ws_end_kind, void(const someone_ptr&, std::error_code, close_code,
                                                  std::string_view)>;
using bytes = std::span<const std::uint8_t>;
using buffer = std::vector<std::uint8_t>;

/// What the callbacks below have got, in order.
class callback_forms : public ::testing::Test {
public:
    void got(std::string_view what) { heard_ += std::string(what) + ';'; }
    void got_id(const std::string& id) { got("id " + id); }
    [[nodiscard]] std::string heard() { return std::exchange(heard_, {}); }

    const someone_ptr who_ = std::make_shared<someone>();
    const std::error_code why_ = errc::connection_closed;

private:
    std::string heard_;
};

TEST_F(callback_forms, an_end_is_told_in_each_form) {
    const auto hear = [&](end_callback<someone_ptr> callback) {
        callback(who_, why_);
        return heard();
    };
    EXPECT_EQ(hear([&](const someone_ptr& who, std::error_code why) {
                  got(who == who_ && why == why_ ? "session and error" : "something else");
              }),
              "session and error;");
    EXPECT_EQ(hear([&](const std::string& id, std::error_code why) {
                  got(id + (why == why_ ? " and error" : " and something else"));
              }),
              "7 and error;");
    EXPECT_EQ(hear([&](someone_ptr who) { got(who == who_ ? "session" : "another"); }), "session;");
    EXPECT_EQ(hear([&](std::string id) { got(id); }), "7;");
    EXPECT_EQ(hear([&](std::string_view id) { got(id); }), "7;");
    EXPECT_EQ(hear([&](const std::error_code& why) { got(why == why_ ? "error" : "another"); }),
              "error;");
    EXPECT_EQ(hear([&] { got("nothing"); }), "nothing;");
}

TEST_F(callback_forms, who_takes_several_gets_the_richest) {
    const auto hear = [&](end_callback<someone_ptr> callback) {
        callback(who_, why_);
        return heard();
    };
    EXPECT_EQ(hear([&](const auto& who, auto why) {
                  got(who->id() + (why == why_ ? " and error" : ""));
              }),
              "7 and error;");
    EXPECT_EQ(hear([&](const auto& who) { got("session " + who->id()); }), "session 7;");
    EXPECT_EQ(hear([&](auto&&... all) { got(std::to_string(sizeof...(all))); }), "2;");
    struct overloaded {
        callback_forms* test;
        void operator()(const std::string&) const { test->got("id"); }
        void operator()(const someone_ptr&) const { test->got("session"); }
        void operator()() const { test->got("nothing"); }
    };
    EXPECT_EQ(hear(overloaded{this}), "session;");

    ws_end of_websocket = [&](const auto& who, auto code, auto reason) {
        got(who->id() + " " + std::to_string(static_cast<int>(code)) + " " + std::string(reason));
    };
    of_websocket(who_, why_, close_code::going_away, "bye");
    EXPECT_EQ(heard(), "7 1001 bye;");
    of_websocket = [&](const auto& who, auto why) {
        static_assert(std::is_same_v<decltype(why), std::error_code>);
        got(who->id());
    };
    of_websocket(who_, why_, close_code::going_away, "bye");
    EXPECT_EQ(heard(), "7;");
}

TEST_F(callback_forms, the_end_of_a_websocket_is_told_in_each_form) {
    const auto hear = [&](ws_end callback) {
        callback(who_, why_, close_code::going_away, "bye");
        return heard();
    };
    const auto is_told = [&](close_code code, std::string_view reason) {
        got(code == close_code::going_away && reason == "bye" ? "code and reason" : "another");
    };
    const std::string both = "code and reason;";
    EXPECT_EQ(hear([&](const someone_ptr& who, close_code code, std::string_view reason) {
                  is_told(code, reason);
                  got(who->id());
              }),
              both + "7;");
    EXPECT_EQ(hear([&](const someone_ptr& who, close_code code, const std::string& reason) {
                  is_told(code, reason);
                  got(who->id());
              }),
              both + "7;");
    EXPECT_EQ(hear([&](const std::string& id, close_code code, std::string_view reason) {
                  is_told(code, reason);
                  got(id);
              }),
              both + "7;");
    EXPECT_EQ(hear([&](const std::string& id, close_code code, const std::string& reason) {
                  is_told(code, reason);
                  got(id);
              }),
              both + "7;");
    EXPECT_EQ(hear([&](close_code code, std::string_view reason) { is_told(code, reason); }), both);
    EXPECT_EQ(hear([&](close_code code, const std::string& reason) { is_told(code, reason); }),
              both);
    EXPECT_EQ(hear([&](const someone_ptr& who, std::error_code why) {
                  got(who->id() + (why == why_ ? " error" : ""));
              }),
              "7 error;");
    EXPECT_EQ(hear([&](const std::string& id) { got(id); }), "7;");
    EXPECT_EQ(hear([&](const someone_ptr& who) { got(who->id()); }), "7;");
    EXPECT_EQ(hear([&](std::error_code why) { got(why == why_ ? "error" : ""); }), "error;");
    EXPECT_EQ(hear([&] { got("nothing"); }), "nothing;");
}

TEST_F(callback_forms, a_failure_without_a_session_has_an_empty_id) {
    failure_callback<someone_ptr> callback = [&](const std::string& id, std::error_code) {
        got(id.empty() ? "nobody" : id);
    };
    callback(nullptr, why_);
    callback(who_, why_);
    EXPECT_EQ(heard(), "nobody;7;");
    callback = [&](const someone_ptr& who, std::error_code) { got(who ? "somebody" : "nobody"); };
    callback(nullptr, why_);
    callback = [&](std::error_code why) { got(why == why_ ? "error" : ""); };
    callback(nullptr, why_);
    callback = [&] { got("nothing"); };
    callback(nullptr, why_);
    EXPECT_EQ(heard(), "nobody;error;nothing;");
}

TEST_F(callback_forms, a_message_is_told_in_each_form) {
    const buffer message{1, 2, 3};
    const auto hear = [&](data_callback<someone_ptr> callback) {
        callback(who_, message);
        return heard();
    };
    const auto is_same = [&](bytes data) {
        return data.data() == message.data() && data.size() == message.size();
    };
    EXPECT_EQ(hear([&](const someone_ptr& who, bytes data) {
                  got(is_same(data) ? who->id() : "a copy");
              }),
              "7;");
    EXPECT_EQ(hear([&](const someone_ptr& who, const buffer& data) {
                  got(!is_same(data) && data == message ? who->id() : "no copy");
              }),
              "7;");
    EXPECT_EQ(hear([&](const std::string& id, bytes data) { got(is_same(data) ? id : ""); }), "7;");
    EXPECT_EQ(
        hear([&](const std::string& id, const buffer& data) { got(data == message ? id : ""); }),
        "7;");
    EXPECT_EQ(hear([&](bytes data) { got(is_same(data) ? "data" : "a copy"); }), "data;");
    EXPECT_EQ(hear([&](const buffer& data) { got(data == message ? "copy" : ""); }), "copy;");
    EXPECT_EQ(hear([&](buffer data) { got(data == message ? "copy" : ""); }), "copy;");
    EXPECT_EQ(hear([&] { got("nothing"); }), "nothing;");
    EXPECT_EQ(hear([&](const auto& who, const auto& data) {
                  static_assert(std::is_same_v<decltype(data), const bytes&>);
                  got(who->id());
              }),
              "7;");
    EXPECT_EQ(hear([&](auto data) { got(is_same(data) ? "data" : "a copy"); }), "data;");
}

TEST_F(callback_forms, a_text_is_told_in_each_form) {
    const auto hear = [&](text_callback<someone_ptr> callback) {
        callback(who_, "hello");
        return heard();
    };
    EXPECT_EQ(hear([&](const someone_ptr& who, std::string_view text) {
                  got(who->id() + std::string(text));
              }),
              "7hello;");
    EXPECT_EQ(hear([&](const someone_ptr& who, const std::string& text) { got(who->id() + text); }),
              "7hello;");
    EXPECT_EQ(hear([&](const std::string& id, const std::string& text) { got(id + text); }),
              "7hello;");
    EXPECT_EQ(hear([&](std::string_view text) { got(text); }), "hello;");
    EXPECT_EQ(hear([&](const std::string& text) { got(text); }), "hello;");
    EXPECT_EQ(hear([&] { got("nothing"); }), "nothing;");
}

TEST_F(callback_forms, a_datagram_is_told_in_each_form) {
    const buffer message{1, 2, 3};
    const endpoint from(endpoint::family::ipv4, {127, 0, 0, 1}, 80);
    const auto hear = [&](datagram_callback callback) {
        callback(message, from);
        return heard();
    };
    EXPECT_EQ(hear([&](bytes, const endpoint& peer) { got(peer == from ? "from" : ""); }), "from;");
    EXPECT_EQ(
        hear([&](const buffer& data, const endpoint&) { got(data == message ? "copy" : ""); }),
        "copy;");
    EXPECT_EQ(hear([&](bytes) { got("data"); }), "data;");
    EXPECT_EQ(hear([&](const buffer&) { got("copy"); }), "copy;");
    EXPECT_EQ(hear([&] { got("nothing"); }), "nothing;");
    EXPECT_EQ(hear([&](auto&&... all) { got(std::to_string(sizeof...(all))); }), "2;");
}

void by_pointer(const someone_ptr& who) {
    who->name += '!';
}

TEST_F(callback_forms, every_kind_of_callable_fits) {
    session_callback<someone_ptr> callback = by_pointer;
    callback(who_);
    callback = &by_pointer;
    callback(who_);
    EXPECT_EQ(who_->name, "7!!");
    callback = std::bind(&callback_forms::got_id, this, std::placeholders::_1);
    callback(who_);
    callback = std::bind_front(&callback_forms::got_id, this);
    callback(who_);
    callback = std::function<void(const std::string&)>([this](const auto& id) { got(id); });
    callback(who_);
    callback = unique_function<void()>([this] { got("nothing"); });
    callback(who_);
    callback = [this, kept = std::make_unique<int>(5)](const someone_ptr&) mutable {
        got(std::to_string((*kept)++));
    };
    callback(who_);
    callback(who_);
    auto named = [this](const someone_ptr&) { got("named"); };
    callback = named;
    callback(who_);
    callback = std::ref(named);
    callback(who_);
    callback = [this](const someone_ptr&) {
        got("its result is dropped");
        return 5;
    };
    callback(who_);
    EXPECT_EQ(heard(), "id 7!!;id 7!!;7!!;nothing;5;6;named;named;its result is dropped;");
}

TEST_F(callback_forms, what_is_empty_stays_empty) {
    EXPECT_FALSE(session_callback<someone_ptr>());
    EXPECT_FALSE(session_callback<someone_ptr>(nullptr));
    EXPECT_FALSE(session_callback<someone_ptr>(std::function<void(const std::string&)>()));
    EXPECT_FALSE(session_callback<someone_ptr>(unique_function<void()>()));
    void (*const no_function)(const std::string&) = nullptr;
    EXPECT_FALSE(session_callback<someone_ptr>(no_function));
    EXPECT_FALSE(session_callback<someone_ptr>(session_callback<someone_ptr>()));
    EXPECT_TRUE(session_callback<someone_ptr>([] {}));
    // Generic, but not the other way round: it converts to bool, as a function pointer.
    EXPECT_TRUE(session_callback<someone_ptr>([](auto&&...) {}));
    session_callback<someone_ptr> empty;
    empty(who_);
    EXPECT_EQ(heard(), "");
}

TEST_F(callback_forms, a_struct_of_callbacks_takes_them) {
    core::server_callbacks of_server{.connected = [](const auto& session) { (void)session->id(); },
                                     .received = [](bytes) {},
                                     .disconnected = [](const std::string&) {}};
    EXPECT_TRUE(of_server.connected && of_server.received && of_server.disconnected);
    EXPECT_FALSE(of_server.accept || of_server.failed || of_server.requested || of_server.writable);
    core::ws_client_callbacks of_client{.text = [](const std::string&) {},
                                        .disconnected = [](close_code, std::string_view) {}};
    EXPECT_TRUE(of_client.text && of_client.disconnected);
    core::udp_client_callbacks of_udp{.failed = [](std::error_code) {}};
    EXPECT_TRUE(of_udp.failed);
    EXPECT_FALSE(of_udp.received);
}

}  // namespace
}  // namespace network_system::detail
