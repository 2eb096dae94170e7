// Sessions that an application makes itself, to test what it does with those of the library.
#include <network_system/session/messaging_session.h>
#include <network_system/session/ws_connection.h>
#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

class fake_session final : public messaging_session {
public:
    fake_session() : messaging_session("fake", {}, {}) {}

    discardable_result stop_session() override {
        has_stopped = true;
        return ok();
    }
    [[nodiscard]] bool is_stopped() const noexcept override { return has_stopped; }

    std::vector<std::string> sent;
    bool has_stopped = false;

protected:
    VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) override {
        sent.emplace_back(data.begin(), data.end());
        if (done) {
            done(ok());
        }
        return ok();
    }
    VoidResult send_response(std::uint64_t request_id, int code,
                             std::span<const std::uint8_t> data) override {
        sent.push_back(std::to_string(request_id) + " " + std::to_string(code) + " " +
                       std::string(data.begin(), data.end()));
        return ok();
    }
};

class fake_websocket final : public ws_connection {
public:
    fake_websocket() : ws_connection("fake", {}, {}) {}

    discardable_result close(ws_close_code code, std::string_view reason) override {
        closed_with = std::to_string(static_cast<int>(code)) + " " + std::string(reason);
        return ok();
    }
    [[nodiscard]] bool is_stopped() const noexcept override { return !closed_with.empty(); }

    std::vector<std::string> sent;
    std::string closed_with;

protected:
    VoidResult send_copy_as(std::span<const std::uint8_t> data, send_callback&,
                            ws_message_type type) override {
        sent.push_back((type == ws_message_type::text ? "text " : "binary ") +
                       std::string(data.begin(), data.end()));
        return ok();
    }
};

int code_of(const VoidResult& result) {
    return result.is_err() ? result.error().code : 0;
}

TEST(fake_session, takes_every_way_to_send) {
    const auto fake = std::make_shared<fake_session>();
    const std::shared_ptr<messaging_session> session = fake;
    std::vector<std::uint8_t> owned{'a'};
    int completed = 0;
    EXPECT_TRUE(session->send_packet(std::move(owned), [&](const VoidResult&) { ++completed; }));
    EXPECT_TRUE(owned.empty()) << "it was taken over";
    EXPECT_TRUE(session->send_packet("b"));
    EXPECT_TRUE(session->send_packet({'c'}));
    EXPECT_TRUE(session->send_conflated("key", "d"));
    EXPECT_EQ(fake->sent, (std::vector<std::string>{"a", "b", "c", "d"}));
    EXPECT_EQ(completed, 1);
    EXPECT_TRUE(session->stop_session());
    EXPECT_TRUE(session->is_stopped());
}

TEST(fake_session, says_of_the_rest_that_it_is_not_there) {
    const std::shared_ptr<messaging_session> session = std::make_shared<fake_session>();
    constexpr int not_supported = static_cast<int>(errc::not_supported);
    EXPECT_EQ(code_of(session->ping([](auto&&) {})), not_supported);
    EXPECT_EQ(code_of(session->receive_packet([](auto&&) {})), not_supported);
    EXPECT_EQ(code_of(session->post([] {})), not_supported);
    EXPECT_EQ(code_of(session->pause_receiving()), not_supported);
    EXPECT_EQ(code_of(session->resume_receiving()), not_supported);
    EXPECT_EQ(code_of(session->request("a", std::chrono::milliseconds{1},
                                       [](Result<std::vector<std::uint8_t>>) {})),
              not_supported);
    EXPECT_EQ(session->tls().error().code, not_supported);
    EXPECT_FALSE(session->cancel(operation_id{1}));
    EXPECT_EQ(session->queued_bytes(), 0U);
    EXPECT_EQ(session->implementation(), nullptr);
}

TEST(fake_session, gets_the_answers_to_its_requests) {
    const auto fake = std::make_shared<fake_session>();
    EXPECT_TRUE(responder(fake, 7).respond("yes"));
    { const responder forgotten(fake, 8); }
    ASSERT_EQ(fake->sent.size(), 2U);
    EXPECT_EQ(fake->sent[0], "7 0 yes");
    EXPECT_EQ(fake->sent[1].substr(0, 5), "8 -99");
}

TEST(fake_session, keeps_user_data) {
    const std::shared_ptr<messaging_session> session = std::make_shared<fake_session>();
    session->set_user_data(std::make_shared<int>(5));
    EXPECT_EQ(*session->user_data_as<int>(), 5);
}

TEST(fake_websocket, is_a_session_too) {
    const auto fake = std::make_shared<fake_websocket>();
    const std::shared_ptr<ws_connection> connection = fake;
    const std::shared_ptr<messaging_session> session = connection;
    EXPECT_TRUE(connection->send_text("a"));
    EXPECT_TRUE(connection->send_binary(std::vector<std::uint8_t>{'b'}));
    EXPECT_TRUE(session->send_packet("c"));
    EXPECT_EQ(fake->sent, (std::vector<std::string>{"text a", "binary b", "binary c"}));
    EXPECT_EQ(connection->close_code(), ws_close_code::abnormal);
    EXPECT_EQ(connection->rejection(), nullptr);
    EXPECT_EQ(connection->request().path(), ws_request().path());
    EXPECT_TRUE(session->stop_session());
    EXPECT_EQ(fake->closed_with, "1000 ");
}

}  // namespace
}  // namespace network_system::session
