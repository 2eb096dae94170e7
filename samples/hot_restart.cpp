// A server is replaced by a new process while clients talk to it: the new process takes the
// listening socket over, the old one drains, and no client is refused.

#include "sample.h"

#include <network_system/core/listener.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#ifdef _WIN32

int main() {
    std::cout << "Listening sockets are handed over on POSIX systems only.\n";
    return 0;
}

#else

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#ifdef __APPLE__
extern "C" char** environ;  // unistd.h declares it elsewhere
#endif

namespace {

using network_system::core::listener;
using network_system::core::messaging_client;
using network_system::core::messaging_server;
using namespace std::chrono_literals;

/// Answers every message with the server's name.
void answer_with_name(messaging_server& server) {
    sample::require(server.set_receive_callback([&server](const auto& session,
                                                          std::span<const std::uint8_t>) {
        (void)session->send_packet(server.server_id());  // without an answer the client asks again
    }),
                    "set_receive_callback");
}

/// The new process: serves what it is given until its input ends.
void succeed(const std::string& meeting_place) {
    messaging_server server("the new process");
    answer_with_name(server);
    sample::require(
        server.start_server(sample::require(listener::receive_from(meeting_place, 30s), "receive")),
        "start_server");
    char nothing = 0;
    while (::read(STDIN_FILENO, &nothing, 1) > 0) {}
    sample::require(server.stop_server(), "stop_server");
    std::cout << "new: served " << server.metrics().connections_accepted << " connections\n";
}

/// One question over a connection of its own; empty when the connection ended before the answer.
std::string ask(std::uint16_t port) {
    std::promise<std::string> answer;
    std::atomic<bool> is_set{false};
    const auto set = [&](const std::string& text) {
        if (!is_set.exchange(true)) {
            answer.set_value(text);
        }
    };
    messaging_client client("client");
    client.set_receive_callback(
        [&](std::span<const std::uint8_t> message) { set(sample::text_of(message)); });
    client.set_disconnected_callback([&] { set({}); });
    sample::require(client.start_client("127.0.0.1", port), "start_client");
    if (client.send_packet("who are you?").is_err()) {
        return {};
    }
    auto text = sample::await(answer.get_future(), "an answer");
    sample::require(client.stop_client(), "stop_client");
    return text;
}

/// Clients that come without a pause, and what they have seen.
struct visitors {
    explicit visitors(std::uint16_t port) : thread([this, port] { exit_code = visit(port); }) {}
    visitors(const visitors&) = delete;
    visitors& operator=(const visitors&) = delete;
    ~visitors() { leave(); }

    void leave() {
        is_over = true;
        if (thread.joinable()) {
            thread.join();
        }
    }
    int visit(std::uint16_t port) {
        return sample::run([&] {
            while (!is_over) {
                const std::string name = ask(port);
                ++(name.empty() ? asked_again : name == "the new process" ? by_new : by_old);
            }
        });
    }

    std::atomic<bool> is_over{false};
    std::atomic<int> by_old{0};
    std::atomic<int> by_new{0};
    std::atomic<int> asked_again{0};
    std::atomic<int> exit_code{0};
    std::thread thread;
};

/// This program once more; it ends when its input is closed.
struct child {
    child(std::string program, std::string meeting_place) {
        std::array<int, 2> ends{};
        sample::expect(::pipe(ends.data()) == 0, "a pipe");
        input = ends[1];
        std::string role = "--successor";
        std::array<char*, 4> words{program.data(), role.data(), meeting_place.data(), nullptr};
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        ::posix_spawn_file_actions_addclose(&actions, ends[0]);
        ::posix_spawn_file_actions_addclose(&actions, ends[1]);
        const int status = ::posix_spawnp(&id, words[0], &actions, nullptr, words.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[0]);
        sample::expect(status == 0, "a second process");
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() { (void)end(); }

    int end() {
        if (id <= 0) {
            return exit_code;
        }
        ::close(input);
        int status = -1;
        ::waitpid(std::exchange(id, 0), &status, 0);
        return exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    ::pid_t id = 0;
    int input = -1;
    int exit_code = -1;
};

void wait_until_answered(const std::atomic<int>& answers, int count, const visitors& clients) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (answers < count && clients.exit_code == 0) {
        sample::expect(std::chrono::steady_clock::now() < deadline, "answers");
        std::this_thread::sleep_for(1ms);
    }
}

void restart(const std::string& program) {
    const auto file = std::filesystem::temp_directory_path() /
                      ("network_system-hot_restart-" + std::to_string(::getpid()));
    const std::string meeting_place = "unix:" + file.string();
    messaging_server server("the old process");
    answer_with_name(server);
    sample::require(server.start_server(0), "start_server");
    std::cout << "old: listening on port " << server.local_port() << std::endl;

    visitors clients(server.local_port());
    wait_until_answered(clients.by_old, 50, clients);
    child successor(program, meeting_place);
    sample::require(
        sample::require(server.share_listener(), "share_listener").send_to(meeting_place, 30s),
        "send_to");
    std::cout << "old: handed the listening socket over" << std::endl;
    sample::require(server.stop_server(), "stop_server");
    std::cout << "old: drained after " << server.metrics().connections_accepted << " connections"
              << std::endl;

    wait_until_answered(clients.by_new, 50, clients);
    clients.leave();
    sample::expect(clients.exit_code == 0, "that no client is refused");
    sample::expect(successor.end() == 0, "the end of the new process");
    std::cout << "clients: " << clients.by_old << " answers from the old process, "
              << clients.by_new << " from the new, " << clients.asked_again
              << " asked again, none refused\n";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--successor") {
        return sample::run([&] { succeed(argv[2]); });
    }
    return sample::run([&] { restart(argv[0]); });
}

#endif
