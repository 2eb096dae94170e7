// Servers and clients that do whatever the seed says, in a network that does too.
#pragma once

#include "testing/ledger.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using core::messaging_client;
using core::messaging_server;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Where all servers listen.
inline constexpr std::uint16_t port = 4000;
/// The longest drain_timeout, and what threads that stand still add to it.
inline constexpr std::chrono::nanoseconds time_to_stop = seconds{10};

class scenario;

/// What server and client actors have in common.
class actor {
public:
    actor(scenario& in, std::string name) : in_(in), name_(std::move(name)) {}
    actor(const actor&) = delete;
    actor& operator=(const actor&) = delete;
    virtual ~actor() = default;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Something at random.
    virtual void act() = 0;
    /// Ends what is left; `is_over` tells when it is.
    virtual void wind_up() = 0;
    [[nodiscard]] virtual bool is_over() const = 0;
    virtual void destroy() = 0;

protected:
    /// A callback of the object that exists now; those of one that is destroyed are a mistake.
    template <typename Callback>
    auto guarded(Callback callback) {
        // It takes what `callback` takes, and nothing else: setters ask which form it is.
        return [this, life = life_, callback = std::move(callback)](auto&&... args) mutable
               -> std::enable_if_t<std::is_invocable_v<Callback&, decltype(args)...>> {
            if (check_alive(*life)) {
                callback(std::forward<decltype(args)>(args)...);
            }
        };
    }
    [[nodiscard]] bool check_alive(const bool& is_alive);
    void end_life() {
        *life_ = false;
        life_ = std::make_shared<bool>(true);
    }

    // What both do with a connection.
    void send(const session_ptr& to, connection_end& end);
    void ask(const session_ptr& whom, connection_end& end);
    void ping(const session_ptr& whom, connection_end& end);
    void receive(const session_ptr& from, connection_end& end);
    void pause(const session_ptr& which);
    /// Now and then an id, by which the operation is cancelled at some time.
    [[nodiscard]] session::operation_id maybe_cancel(const session_ptr& of,
                                                     const std::shared_ptr<answer_count>& question);
    /// `cancelled` is what the handler gets if `cancel` has said so, and only then.
    template <typename T>
    void count_answer(answer_count& question, const Result<T>& answer) {
        count_answer(question, answer ? 0 : answer.error().code);
    }
    void count_answer(answer_count& question, int code);
    void answer(connection_end& end, std::span<const std::uint8_t> data,
                session::responder&& responder);
    void act_on(const session_ptr& session, connection_end& end);
    void check_queue(const session_ptr& session);
    void expect_answer(const std::shared_ptr<answer_count>& stop);
    [[nodiscard]] session_config random_session();

    scenario& in_;
    const std::string name_;
    std::shared_ptr<bool> life_ = std::make_shared<bool>(true);
    session_config session_;
    const std::shared_ptr<answer_count> last_stop_ = std::make_shared<answer_count>();
};

class server_actor final : public actor {
public:
    server_actor(scenario& in, std::string name) : actor(in, std::move(name)) { make(); }

    void act() override;
    void wind_up() override;
    bool is_over() const override;
    void destroy() override;

private:
    void make();
    void start();
    void stop();
    void stop_and_tell();
    void broadcast();
    void set_callbacks();
    void on_message(const session_ptr& from, std::span<const std::uint8_t> data);

    std::unique_ptr<messaging_server> server_;
    // No callback may run between the answer to a stop and the next start.
    bool is_quiet_ = false;
    int lives_ = 0;
};

class client_actor final : public actor {
public:
    client_actor(scenario& in, std::string name) : actor(in, std::move(name)) { make(); }

    void act() override;
    void wind_up() override;
    bool is_over() const override;
    void destroy() override;

private:
    void make();
    void set_callbacks();
    void start();
    void stop();
    void stop_and_tell();
    void on_message(std::span<const std::uint8_t> data);
    [[nodiscard]] connection_end* end();

    std::unique_ptr<messaging_client> client_;
    session_ptr connected_;
    session::operation_id last_start_ = session::operation_id::none;
    std::shared_ptr<answer_count> last_start_question_;
    // Starts that have not been answered; of the object that exists now.
    int starting_ = 0;
};

class scenario {
public:
    explicit scenario(std::uint64_t seed);
    scenario(const scenario&) = delete;
    scenario& operator=(const scenario&) = delete;
    ~scenario() = default;

    /// From the beginning to the end of everything: what went wrong, or nothing.
    [[nodiscard]] std::string run();

    [[nodiscard]] simulation& world() noexcept { return world_; }
    [[nodiscard]] ledger& books() noexcept { return books_; }
    [[nodiscard]] const simulation_options& options() const noexcept { return options_; }
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return world_.random_below(bound); }
    [[nodiscard]] bool one_in(std::uint64_t chances) { return below(chances) == 0; }
    [[nodiscard]] std::size_t message_size();
    [[nodiscard]] std::string any_server();
    [[nodiscard]] bool is_winding_up() const noexcept { return is_winding_up_; }
    [[nodiscard]] std::shared_ptr<thread_pool_interface> maybe_pool();
    [[nodiscard]] std::uint64_t next_broadcast() noexcept {
        return (std::uint64_t{1} << 40U) + ++broadcasts_;
    }
    /// The first is what counts.
    void fail(std::string what);
    /// Questions that belong to no connection: starts and stops.
    [[nodiscard]] std::shared_ptr<answer_count> question();

private:
    void act();
    [[nodiscard]] std::string check();

    const simulation_options options_;
    ledger books_;
    simulation world_;
    std::vector<std::shared_ptr<answer_count>> questions_;
    std::size_t bytes_left_;
    std::uint64_t broadcasts_ = 0;
    std::size_t servers_ = 0;
    bool is_winding_up_ = false;
    std::string failure_;
    std::vector<std::unique_ptr<actor>> actors_;
};

}  // namespace network_system::testing
