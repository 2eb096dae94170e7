// What the integrations cost, in one process and one run, each beside what it is measured against:
// a logger that is installed at info beside none; callbacks on a pool; a map of ten fields that is
// sent with send_value beside one that is packed by hand.
//
//   compare_integration [--connections N] [--in-flight N] [--size BYTES] [--messages N]
//                       [--rounds N] [--only K]

// First: it includes fmt, whose own `compare` a namespace of this name would hide.
#ifdef COMPARE_WITH_THREAD_SYSTEM
#include <network_system/integration/thread_system_adapter.h>

#include <kcenon/thread/core/thread_worker.h>
#endif

#include "interleaved.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/integration/basic_logger.h>
#include <network_system/integration/container_integration.h>
#include <network_system/integration/thread_integration.h>
#include <network_system/utils/thread_pool.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <msgpack.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace network_system;
using namespace network_system::integration;
using compare::measure;
using compare::require;
using compare::round_of_messages;

/// Sends the next message when an answer has come; `Send` is what it costs.
template <typename Send>
class asking_client {
public:
    asking_client(std::uint16_t port, std::span<const std::uint8_t> message,
                  round_of_messages& round)
        : send_(message), client_("client") {
        (void)client_.set_receive_callback([this, &round](std::span<const std::uint8_t>) {
            round.finish();
            if (round.take()) {
                require(send_(client_));
            }
        });
        require(client_.start_client("127.0.0.1", port));
    }
    void send(std::span<const std::uint8_t>) { require(send_(client_)); }

private:
    Send send_;
    core::messaging_client client_;
};

struct send_bytes {
    explicit send_bytes(std::span<const std::uint8_t> bytes) : message(bytes) {}
    VoidResult operator()(core::messaging_client& client) const {
        return client.send_packet(message);
    }
    std::span<const std::uint8_t> message;
};

constexpr int fields = 10;

struct send_map {
    explicit send_map(std::span<const std::uint8_t>) {
        value_map map;
        for (int i = 0; i < fields; ++i) {
            map.emplace("field" + std::to_string(i), value(i * 1'000));
        }
        message = std::move(map);
    }
    VoidResult operator()(core::messaging_client& client) const {
        return send_value(client, message);
    }
    value message;
};

struct pack_map {
    explicit pack_map(std::span<const std::uint8_t>) {
        for (int i = 0; i < fields; ++i) {
            message.emplace("field" + std::to_string(i), i * 1'000);
        }
    }
    VoidResult operator()(core::messaging_client& client) const {
        msgpack::sbuffer buffer;
        msgpack::pack(buffer, message);
        return client.send_packet(std::string_view(buffer.data(), buffer.size()));
    }
    std::map<std::string, std::int64_t> message;
};

/// A server that echoes, or answers with one byte.
class echo_server {
public:
    explicit echo_server(std::shared_ptr<thread_pool_interface> pool = {}, bool is_short = false)
        : server_("server", options_with(std::move(pool))) {
        (void)server_.set_receive_callback(
            [is_short](const auto& session, std::span<const std::uint8_t> data) {
                require(session->send_packet(is_short ? data.first(1) : data));
            });
        require(server_.start_server(0));
    }
    [[nodiscard]] std::uint16_t port() const { return server_.local_port(); }

private:
    static core::server_options options_with(std::shared_ptr<thread_pool_interface> pool) {
        core::server_options options;
        options.callback_pool = std::move(pool);
        return options;
    }

    core::messaging_server server_;
};

/// The cost of a round while a logger is installed, which gets what is logged at info.
double with_logger(const std::function<double()>& round) {
    basic_logger_options options;
    options.console = log_console::none;
    options.file.path = "/dev/null";
    options.file.max_size = 0;
    const log_level before = get_log_level();
    set_log_sink([logger = std::make_shared<basic_logger>(options)](const log_record& line) {
        logger->log(line);
    });
    set_log_level(log_level::info);
    const double cost = round();
    set_log_level(before);
    set_log_sink({});
    return cost;
}

#ifdef COMPARE_WITH_THREAD_SYSTEM
std::shared_ptr<thread_pool_interface> thread_systems_pool(std::size_t threads) {
    auto pool = std::make_shared<kcenon::thread::thread_pool>("callbacks");
    for (std::size_t i = 0; i < threads; ++i) {
        (void)pool->enqueue(std::make_unique<kcenon::thread::thread_worker>());
    }
    (void)pool->start();
    return std::make_shared<thread_system_pool>(std::move(pool));
}
#endif

void compare_integration(compare::arguments& options) {
    constexpr std::size_t pool_threads = 2;
    const compare::settings chosen(options);
    const auto& load = chosen.load;
    const echo_server plain;
    const echo_server pooled(std::make_shared<basic_thread_pool>(pool_threads));
    const echo_server brief({}, true);
    const auto echo = [&](const echo_server& with) {
        return [&load, &with] { return measure<asking_client<send_bytes>>(load, with.port()); };
    };
    std::vector<compare::kind> echoes{
        {"echo", echo(plain)},
        {"the same again", echo(plain)},
        {"a logger at info", [&] { return with_logger(echo(plain)); }},
        {"callbacks on basic_thread_pool", echo(pooled)},
    };
#ifdef COMPARE_WITH_THREAD_SYSTEM
    const echo_server sister(thread_systems_pool(pool_threads));
    echoes.push_back({"callbacks on thread_system's pool", echo(sister)});
#endif
    compare::compare_kinds(std::move(echoes), load, chosen.rounds, chosen.only);
    compare::compare_kinds(
        {{"a map of ten fields, packed by hand",
          [&] { return measure<asking_client<pack_map>>(load, brief.port()); }},
         {"the same again", [&] { return measure<asking_client<pack_map>>(load, brief.port()); }},
         {"send_value", [&] { return measure<asking_client<send_map>>(load, brief.port()); }}},
        load, chosen.rounds, chosen.only > 0 ? 1 + chosen.only % 3 : 0);
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, compare_integration);
}
