// An echo in steady state asks the heap for nothing, on the server and on the client.
#include "allocation/counting_heap.h"
#include "support/loopback.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <limits>

namespace loopback {
namespace {

constexpr std::size_t warm_up = 2000;
constexpr std::size_t measured = 10000;
// When the machine stalls one side, a queue may grow deeper than ever before, by at most what is in
// flight: 16 blocks of 16 KiB on either side. An allocation per message would be 10,000.
constexpr std::size_t most_new_blocks = 50;

enum class threads { own, of_the_application };

struct load {
    std::string name;
    std::size_t payload;
    std::size_t in_flight;
    threads run_by;
    readiness method;
    framing format;
};

/// Keeps `in_flight` messages between a client and an echoing server. Counts from the end of the
/// warm-up until the last message that is measured.
class echo_load {
public:
    echo_load(const load& what, asio::io_context& context)
        : what_(what), message_(pattern(what.payload)),
          server_("server", options_for<server_options>(context)),
          client_("client", options_for<client_options>(context)) {}

    void run() {
        ASSERT_TRUE(is_ok(server_.set_receive_callback(
            [this](const session_ptr& session, std::span<const std::uint8_t> data) {
                failures_ += session->send_packet(data).is_ok() ? 0U : 1U;
            })));
        ASSERT_TRUE(is_ok(client_.set_receive_callback(
            [this](std::span<const std::uint8_t> data) { on_answer(data); })));
        ASSERT_TRUE(is_ok(server_.start_server(0)));
        ASSERT_TRUE(is_ok(client_.start_client("127.0.0.1", server_.local_port())));
        for (std::size_t i = 0; i < what_.in_flight; ++i) {
            ASSERT_TRUE(is_ok(client_.send_packet(std::span<const std::uint8_t>(message_))));
        }
        ASSERT_TRUE(done_.wait_for(1));
        EXPECT_TRUE(is_ok(client_.stop_client()));
        EXPECT_TRUE(is_ok(server_.stop_server()));
        EXPECT_EQ(failures_, 0U);
    }

    [[nodiscard]] std::size_t allocations() const { return allocations_; }

private:
    template <typename Options>
    [[nodiscard]] Options options_for(asio::io_context& context) const {
        Options options;
        options.session.frames = what_.format;
        options.readiness_method = what_.method;
        if (what_.run_by == threads::of_the_application) {
            options.io_context = &context;
        }
        return options;
    }

    void on_answer(std::span<const std::uint8_t> data) {
        // In framing::raw the pieces are whatever TCP made of them.
        arrived_ += data.size();
        while (arrived_ >= what_.payload) {
            arrived_ -= what_.payload;
            ++answers_;
            if (answers_ == warm_up) {
                counting_heap::start();
            } else if (answers_ == warm_up + measured) {
                allocations_ = counting_heap::stop();
                done_.add();
            }
            failures_ +=
                client_.send_packet(std::span<const std::uint8_t>(message_)).is_ok() ? 0U : 1U;
        }
    }

    const load what_;
    const bytes message_;
    event_counter done_;
    std::atomic<std::size_t> failures_{0};
    std::size_t arrived_ = 0;
    std::size_t answers_ = 0;
    std::size_t allocations_ = std::numeric_limits<std::size_t>::max();
    messaging_server server_;
    messaging_client client_;
};

TEST(counting_heap, sees_an_allocation) {
    counting_heap::start();
    ::operator delete(::operator new(1));
    EXPECT_EQ(counting_heap::stop(), 1U);
}

class echo_allocation_test : public testing::TestWithParam<load> {};

TEST_P(echo_allocation_test, steady_state_allocates_nothing) {
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread runner([&] { context.run(); });
    {
        echo_load echo(GetParam(), context);
        echo.run();
        EXPECT_LE(echo.allocations(), most_new_blocks) << "in " << measured << " messages";
    }
    work.reset();
    runner.join();
}

std::vector<load> all_loads() {
    struct shape {
        std::string name;
        std::size_t payload;
        std::size_t in_flight;
    };
    const std::vector<shape> shapes{
        {"1x64B", 64, 1}, {"32x64B", 64, 32}, {"8x1KiB", 1024, 8}, {"4x64KiB", 65536, 4}};
    const std::vector<std::pair<std::string, framing>> formats{
        {"message", framing::message},
        {"prefixed", framing::length_prefixed},
        {"raw", framing::raw}};
    std::vector<load> all;
    for (const auto& [format_name, format] : formats) {
        for (const auto& [shape_name, payload, in_flight] : shapes) {
            const std::string name = format_name + "_" + shape_name;
            for (const readiness method : {readiness::automatic, readiness::per_socket}) {
                const std::string by = method == readiness::automatic ? "" : "_per_socket";
                all.push_back({name + by, payload, in_flight, threads::own, method, format});
                all.push_back({name + by + "_user_context", payload, in_flight,
                               threads::of_the_application, method, format});
            }
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(load, echo_allocation_test, testing::ValuesIn(all_loads()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace loopback
