// Destructors of what the user gave are user code: they run under no lock of the library, so that
// they may call it. Where that is broken, these tests hang.
#include "support/loopback.h"

#include <functional>

namespace loopback {
namespace {

/// Says something as it is destroyed.
class last_words {
public:
    explicit last_words(std::function<void()> say) : say_(std::move(say)) {}
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() { say_(); }

private:
    const std::function<void()> say_;
};

class last_words_test : public BothReadiness {
protected:
    /// Takes the locks of a server or client.
    template <typename Object>
    [[nodiscard]] std::shared_ptr<last_words> about(Object& object) {
        return std::make_shared<last_words>([this, &object] {
            (void)object.metrics();
            (void)object.set_writable_callback({});
            said.add();
        });
    }

    event_counter said;
};
INSTANTIATE_TEST_SUITE_P(method, last_words_test, both_methods(), method_of);

/// Something that a thread which is ending destroys late.
class late_words {
public:
    /// In the destructor: until `ask` was run often enough to meet `meanwhile`'s locks.
    void say(const std::function<void()>& ask) {
        begun_.add();
        if (may_ask_.wait_for(1)) {
            for (int i = 0; i < 200; ++i) {
                ask();
                std::this_thread::yield();
            }
        }
        said_.add();
    }
    /// Runs `meanwhile` beside the destructor.
    template <typename Work>
    void while_speaking(const Work& meanwhile) {
        ASSERT_TRUE(begun_.wait_for(1));
        may_ask_.add();
        meanwhile();
        EXPECT_TRUE(said_.wait_for(1));
    }

private:
    event_counter begun_;
    event_counter may_ask_;
    event_counter said_;
};

TEST_P(last_words_test, of_callbacks_that_are_replaced) {
    const auto replace = [this](auto& object, const auto& set) {
        const auto before = said.count();
        EXPECT_TRUE(is_ok(set([kept = about(object)](auto&&...) {})));
        EXPECT_TRUE(is_ok(set([](auto&&...) {})));
        EXPECT_EQ(said.count(), before + 1);
    };
    messaging_client client("replaces", for_client());
    replace(client, [&](auto next) { return client.set_receive_callback(std::move(next)); });
    replace(client, [&](auto next) { return client.set_request_callback(std::move(next)); });
    replace(client, [&](auto next) { return client.set_connected_callback(std::move(next)); });
    replace(client, [&](auto next) { return client.set_disconnected_callback(std::move(next)); });
    replace(client, [&](auto next) { return client.set_error_callback(std::move(next)); });
    replace(client, [&](auto next) { return client.set_writable_callback(std::move(next)); });

    messaging_server server("replaces", for_server());
    replace(server, [&](auto next) { return server.set_receive_callback(std::move(next)); });
    replace(server, [&](auto next) { return server.set_request_callback(std::move(next)); });
    replace(server, [&](auto next) { return server.set_connection_callback(std::move(next)); });
    replace(server, [&](auto next) { return server.set_disconnection_callback(std::move(next)); });
    replace(server, [&](auto next) { return server.set_error_callback(std::move(next)); });
    replace(server, [&](auto next) { return server.set_writable_callback(std::move(next)); });
}

TEST_P(last_words_test, of_the_user_data_of_an_earlier_connection) {
    test_server server(for_server());
    const auto port = server.start();
    messaging_client client("comes back", for_client());
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    std::weak_ptr<network_system::session::messaging_session> first;
    {
        const auto session = client.get_session().value();
        session->set_user_data(about(client));
        first = session;
    }
    EXPECT_TRUE(is_ok(client.stop_client()));
    ASSERT_TRUE(eventually([&] { return first.use_count() == 1; })) << "the client's alone";
    EXPECT_EQ(said.count(), 0U);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    EXPECT_EQ(said.count(), 1U) << "the new connection lets the old one go";
}

TEST_P(last_words_test, of_user_data_while_its_server_starts_again) {
    late_words late;
    messaging_server server("again", for_server());
    (void)server.set_receive_callback([&](const session_ptr& session,
                                          std::span<const std::uint8_t>) {
        session->set_user_data(
            std::make_shared<last_words>([&] { late.say([&] { (void)server.is_running(); }); }));
        (void)server.stop_server();
    });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    raw_peer peer = raw_peer::connect(server.local_port());
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(10))));
    (void)peer.drain();
    peer.close();
    EXPECT_TRUE(is_ok(server.wait_for_stop()));
    late.while_speaking([&] { EXPECT_TRUE(is_ok(server.start_server(0))); });
}

/// Posts itself to the session's loop for as long as that takes tasks.
void repost_until_the_end(const session_ptr& through, const std::shared_ptr<last_words>& kept) {
    thread_local bool is_posting = false;
    if (!is_posting) {
        is_posting = true;
        // At the end it is refused.
        (void)through->post([again = std::make_shared<last_words>(
                                 [through, kept] { repost_until_the_end(through, kept); })] {});
        is_posting = false;
    }
}

TEST_P(last_words_test, of_what_goes_with_a_loop) {
    late_words late;
    messaging_server other("begins", for_server());
    messaging_client another("begins", for_client());
    auto server = std::make_unique<messaging_server>("ends", for_server());
    (void)server->set_receive_callback(
        [&](const session_ptr& session, std::span<const std::uint8_t>) {
            repost_until_the_end(session, std::make_shared<last_words>([&] {
                                     late.say([&] {
                                         (void)other.is_running();
                                         (void)another.metrics();
                                     });
                                 }));
            server.reset();
        });
    ASSERT_TRUE(is_ok(server->start_server(0)));
    raw_peer peer = raw_peer::connect(server->local_port());
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(10))));
    (void)peer.drain();
    peer.close();
    // Starting joins the threads that have ended.
    late.while_speaking([&] {
        ASSERT_TRUE(is_ok(other.start_server(0)));
        EXPECT_TRUE(is_ok(another.start_client("127.0.0.1", other.local_port())));
    });
}

}  // namespace
}  // namespace loopback
