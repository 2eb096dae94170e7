#pragma once

#include "support/loopback.h"

#include <algorithm>

namespace integration {

using namespace loopback;  // everything there speaks the public interface only

/// One server and any number of clients. However a test ends, the clients end first, then the
/// server, each within its drain deadline, and then no session may be left.
class system_fixture : public BothReadiness {
protected:
    void TearDown() override {
        clients_.clear();
        if (server_) {
            EXPECT_TRUE(is_ok(server_->server.stop_server()));
            EXPECT_EQ(server_->server.connection_count(), 0U);
            EXPECT_EQ(server_->closed.size(), server_->sessions.size())
                << "every session that opened was closed";
        }
    }

    /// Not started yet, so that its callbacks can be set.
    test_server& make_server(const server_options& options = for_server()) {
        server_ = std::make_unique<test_server>(options);
        return *server_;
    }
    test_server& server() { return *server_; }
    void destroy_server() { server_.reset(); }

    test_client& make_client(const client_options& options = for_client()) {
        clients_.push_back(std::make_unique<test_client>(options));
        return *clients_.back();
    }
    void make_clients(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            make_client();
        }
    }
    test_client& client(std::size_t index) { return *clients_.at(index); }
    void destroy_client(std::size_t index) { clients_.at(index).reset(); }
    [[nodiscard]] std::size_t client_count() const { return clients_.size(); }

    void connect_all(std::uint16_t port) {
        for (const auto& each : clients_) {
            ASSERT_TRUE(is_ok(each->connect(port)));
        }
    }
    void expect_all_exchange(std::uint32_t seed) {
        for (const auto& each : clients_) {
            EXPECT_TRUE(each->exchange(pattern(300, seed)));
        }
    }

private:
    std::unique_ptr<test_server> server_;
    std::vector<std::unique_ptr<test_client>> clients_;
};

}  // namespace integration
