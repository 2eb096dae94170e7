// A listening socket that goes to another process while clients keep coming, and to another server.
#include "support/loopback.h"
#include "support/scratch_directory.h"

#include <network_system/core/listener.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdlib>

extern "C" char** environ;

namespace loopback {
namespace {

using network_system::core::listener;

constexpr const char* handover_variable = "NETWORK_SYSTEM_TEST_HANDOVER";

/// Echoes with a word before it.
void answer_as(test_server& server, std::string word) {
    server.on_receive = [word = std::move(word)](const session_ptr& session,
                                                 std::span<const std::uint8_t> data) {
        // Refused once the stop has begun: the client asks the next server.
        (void)session->send_packet(word + ":" + text_of(data));
    };
}

/// The second process: takes the listener over, serves, and ends with its input.
int serve_as_successor(const std::string& address) {
    auto taken = listener::receive_from(address, patience);
    if (!taken) {
        return 2;
    }
    test_server server;
    answer_as(server, "new");
    if (!server.server.start_server(std::move(taken).value()).is_ok()) {
        return 3;
    }
    char nothing = 0;
    while (::read(STDIN_FILENO, &nothing, 1) > 0) {}
    const bool has_served = server.server.metrics().connections_accepted > 0;
    return server.server.stop_server().is_ok() && has_served ? 0 : 4;
}

/// The same program with the variable set is the second process, and runs no test.
class second_process : public testing::Environment {
public:
    void SetUp() override {
        if (const char* address = std::getenv(handover_variable)) {
            std::_Exit(serve_as_successor(address));
        }
    }
};
[[maybe_unused]] const auto* const registered =
    testing::AddGlobalTestEnvironment(new second_process);

/// The successor, which ends when told to, and with this object at the latest.
class successor {
public:
    explicit successor(const std::string& address) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        input_ = raw_peer(ends[1]);
        const raw_peer of_child(ends[0]);
        std::string program = "/proc/self/exe";
        std::string filter = "--gtest_filter=*hot_restart_test*";
        std::array<char*, 3> words{program.data(), filter.data(), nullptr};
        std::string variable = std::string(handover_variable) + "=" + address;
        std::vector<char*> variables{variable.data()};
        for (char** each = environ; *each != nullptr; ++each) {
            variables.push_back(*each);
        }
        variables.push_back(nullptr);
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, of_child.handle(), STDIN_FILENO);
        EXPECT_EQ(::posix_spawn(&id_, words[0], &actions, nullptr, words.data(), variables.data()),
                  0);
        ::posix_spawn_file_actions_destroy(&actions);
    }
    successor(const successor&) = delete;
    successor& operator=(const successor&) = delete;
    ~successor() {
        if (id_ > 0) {
            ::kill(id_, SIGKILL);
            (void)end();
        }
    }

    /// Its exit code, or -1.
    [[nodiscard]] int end() {
        input_.close();
        int status = -1;
        const bool has_ended = ::waitpid(std::exchange(id_, -1), &status, 0) > 0;
        return has_ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    raw_peer input_;
    ::pid_t id_ = -1;
};

/// Clients that come and go without a pause, and send again what a connection ended without
/// answering.
class continuous_load {
public:
    continuous_load(std::string host, std::uint16_t port, std::size_t clients)
        : host_(std::move(host)), port_(port) {
        for (std::size_t i = 0; i < clients; ++i) {
            threads_.emplace_back([this, i] { run(i); });
        }
    }
    continuous_load(const continuous_load&) = delete;
    continuous_load& operator=(const continuous_load&) = delete;
    ~continuous_load() { stop(); }

    void stop() {
        is_over_ = true;
        for (auto& each : threads_) {
            each.join();
        }
        threads_.clear();
    }

    event_counter connects;
    event_counter answers_of_old;
    event_counter answers_of_new;
    collector<std::string> failures;

private:
    void run(std::size_t client) {
        for (std::size_t number = 0; !is_over_ && failures.size() == 0;) {
            test_client connection;
            const auto started = connection.client.start_client(host_, port_);
            if (!started) {
                failures.add("connect: " + started.error().message);
                return;
            }
            connects.add();
            for (int i = 0; i < 5 && exchange(connection, client, number); ++i) {
                ++number;
            }
            (void)connection.client.stop_client();
        }
    }

    /// False when the connection ended without an answer: the message goes over the next one.
    bool exchange(test_client& connection, std::size_t client, std::size_t number) {
        const std::string text = std::to_string(client) + "-" + std::to_string(number);
        const std::size_t before = connection.received.size();
        if (!connection.client.send_packet(text)) {
            return false;
        }
        const auto is_answered = [&] { return connection.received.size() > before; };
        if (!eventually([&] { return is_answered() || connection.disconnected.count() > 0; })) {
            failures.add("no answer and no end: " + text);
            return false;
        }
        if (!is_answered()) {
            return false;
        }
        const std::string answer = text_of(connection.received.at(before));
        if (answer == "old:" + text) {
            answers_of_old.add();
        } else if (answer == "new:" + text) {
            answers_of_new.add();
        } else {
            failures.add("to " + text + " the answer " + answer);
        }
        return true;
    }

    const std::string host_;
    const std::uint16_t port_;
    std::atomic<bool> is_over_{false};
    std::vector<std::thread> threads_;
};

class hot_restart_test : public BothReadiness {
protected:
    /// Lets a second process take over from the server under load.
    void replace(test_server& server, const std::string& host) {
        answer_as(server, "old");
        const auto port = server.start();
        continuous_load load(host, port, 4);
        ASSERT_TRUE(load.answers_of_old.wait_for(scaled(100)));

        successor next(handover);
        auto shared = server.server.share_listener();
        ASSERT_TRUE(is_ok(shared));
        ASSERT_TRUE(is_ok(shared.value().send_to(handover, patience)));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        shared = listener{};

        ASSERT_TRUE(load.answers_of_new.wait_for(scaled(200)));
        load.stop();
        EXPECT_EQ(load.failures.all(), std::vector<std::string>{});
        EXPECT_EQ(next.end(), 0);
    }

    scratch_directory directory;
    const std::string handover = "unix:" + directory.file("handover");
    const std::string server_file = directory.file("server");
};
INSTANTIATE_TEST_SUITE_P(method, hot_restart_test, both_methods(), method_of);

TEST_P(hot_restart_test, no_client_is_refused_and_no_message_lost) {
    test_server server(for_server());
    replace(server, "127.0.0.1");
}

TEST_P(hot_restart_test, the_file_of_a_unix_domain_socket_goes_with_the_listener) {
    server_options options = for_server();
    options.bind_address = "unix:" + server_file;
    test_server server(options);
    replace(server, options.bind_address);
    EXPECT_FALSE(std::filesystem::exists(server_file)) << "its last server has removed it";
    EXPECT_FALSE(std::filesystem::exists(directory.file("handover")));
}

TEST_P(hot_restart_test, what_waits_to_be_accepted_is_served_by_the_next) {
    test_server first(for_server());
    const auto port = first.start();
    auto shared = first.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    EXPECT_EQ(shared.value().local_endpoint().port(), port);
    ASSERT_TRUE(is_ok(first.server.stop_server()));
    EXPECT_TRUE(fails_with(first.server.share_listener(), errc::server_not_started));
    raw_peer waiting = raw_peer::connect(port);
    ASSERT_TRUE(waiting.send(frame_of(type_data, pattern(9))));

    server_options brief = for_server();
    brief.drain_timeout = 50ms;  // the peer does not end
    test_server second(brief);
    ASSERT_TRUE(is_ok(second.server.start_server(std::move(shared).value())));
    EXPECT_EQ(second.server.local_port(), port);
    const auto answer = waiting.receive_frame_of(type_data);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->payload, pattern(9));
    ASSERT_TRUE(is_ok(second.server.stop_server()));
    EXPECT_TRUE(fails_with(test_client(for_client()).connect(port), errc::connection_refused));
}

TEST_P(hot_restart_test, a_socket_of_a_supervisor_is_served) {
    raw_peer opened(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::listen(opened.handle(), 5), 0);  // binds to a free port, too
    auto adopted = listener::adopt(::dup(opened.handle()));
    ASSERT_TRUE(is_ok(adopted));
    test_server server(for_server());
    ASSERT_TRUE(is_ok(server.server.start_server(std::move(adopted).value())));
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.server.local_port())));
    EXPECT_TRUE(client.exchange("activated"));
}

TEST_P(hot_restart_test, the_file_of_an_adopted_socket_stays) {
    raw_peer opened(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::sockaddr_un local{};
    local.sun_family = AF_UNIX;
    server_file.copy(local.sun_path, server_file.size());
    ASSERT_EQ(::bind(opened.handle(), reinterpret_cast<const ::sockaddr*>(&local), sizeof local),
              0);
    ASSERT_EQ(::listen(opened.handle(), 5), 0);
    test_server server(for_server());
    ASSERT_TRUE(is_ok(server.server.start_server(listener::adopt(::dup(opened.handle())).value())));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(std::filesystem::is_socket(server_file));
}

TEST_P(hot_restart_test, a_listener_stays_with_the_caller_on_error) {
    test_server first(for_server());
    first.start();
    auto shared = first.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    EXPECT_TRUE(fails_with(first.server.start_server(std::move(shared).value()),
                           errc::server_already_running));
    EXPECT_TRUE(shared.value().is_open());
    EXPECT_TRUE(fails_with(messaging_server("s", for_server()).start_server(listener{}),
                           errc::invalid_argument));
}

TEST_P(hot_restart_test, what_is_no_listener_is_not_adopted) {
    const raw_peer unconnected = raw_peer::unconnected();
    const raw_peer datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    for (const int descriptor :
         {-1, 99'999, STDIN_FILENO, unconnected.handle(), datagrams.handle()}) {
        EXPECT_TRUE(fails_with(listener::adopt(descriptor), errc::invalid_argument)) << descriptor;
    }
    EXPECT_EQ(::fcntl(unconnected.handle(), F_GETFL) & O_NONBLOCK, 0) << "it was left alone";
}

TEST_P(hot_restart_test, a_handover_has_its_time_and_place) {
    EXPECT_TRUE(fails_with(listener::receive_from(handover, 20ms), errc::connection_timeout));
    EXPECT_FALSE(std::filesystem::exists(directory.file("handover")));
    EXPECT_TRUE(fails_with(listener::receive_from("unix:", 20ms), errc::invalid_argument));
    EXPECT_TRUE(fails_with(listener::receive_from("/tmp/x", 20ms), errc::invalid_argument));
    EXPECT_TRUE(fails_with(listener::receive_from(handover, -1ms), errc::invalid_argument));
    EXPECT_TRUE(fails_with(listener{}.send_to(handover, 20ms), errc::invalid_argument));
    test_server server(for_server());
    const auto port = server.start();
    auto shared = server.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    EXPECT_TRUE(fails_with(shared.value().send_to(handover, 20ms), errc::connection_timeout));
    EXPECT_TRUE(fails_with(shared.value().send_to("unix:" + directory.file("no/x"), 0ms),
                           errc::connection_timeout));
    collector<int> codes;
    server.on_connect = [&](const session_ptr&) {
        codes.add(listener::receive_from(handover, 1ms).error().code);
        codes.add(shared.value().send_to(handover, 1ms).error().code);
    };
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(codes.wait_for(2));
    EXPECT_EQ(codes.all(), std::vector<int>(2, static_cast<int>(errc::would_block)));
}

TEST_P(hot_restart_test, a_receiver_ignores_what_is_no_listener) {
    test_server server(for_server());
    const auto port = server.start();
    collector<Result<std::uint16_t>> ports;
    std::thread receiver([&] {
        ports.add(listener::receive_from(handover, patience).map([](const listener& taken) {
            return taken.local_endpoint().port();
        }));
    });
    for (const bytes& message :
         {bytes{}, pattern(1), bytes{'N', 'S', 'L', '1', 0}, pattern(5000)}) {
        client_options options = for_client();
        options.session.frames = framing::raw;
        test_client stranger(options);
        ASSERT_TRUE(eventually([&] { return stranger.client.start_client(handover, 0).is_ok(); }));
        if (!message.empty()) {
            (void)stranger.client.send_packet(message);
        }
        (void)stranger.client.stop_client();
    }
    auto shared = server.server.share_listener();
    ASSERT_TRUE(is_ok(shared));
    EXPECT_TRUE(is_ok(shared.value().send_to(handover, patience)));
    receiver.join();
    ASSERT_TRUE(is_ok(ports.at(0)));
    EXPECT_EQ(ports.at(0).value(), port);
}

}  // namespace
}  // namespace loopback
