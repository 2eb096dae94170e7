// Values instead of bytes: orders and prices as messages, requests and answers. They travel as
// MessagePack; another serializer is one line (container_manager::set_default_container).
#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/integration/container_integration.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace network_system;
using namespace network_system::integration;

namespace shop {

// [readme:typed_struct]
struct order {
    int id = 0;
    std::string item;
    std::vector<std::string> extras;
    std::optional<double> tip;
};

// What it is as a value, and how it is read from one; found by the compiler beside the type.
value to_value(const order& from) {
    return value_map{
        {"id", from.id}, {"item", from.item}, {"extras", from.extras}, {"tip", from.tip}};
}
VoidResult from_value(const value& from, order& to) {
    return read_fields(from, "id", to.id, "item", to.item, "extras", to.extras, "tip", to.tip);
}
// [/readme:typed_struct]

}  // namespace shop

namespace {

using shop::order;

// [readme:typed_server]
void serve_orders(core::messaging_server& server) {
    // A peer that sends anything else is at fault: its session ends with protocol_error.
    on_value<order>(server, [](const auto& session, const order& what) {
        std::cout << "Order " << what.id << ": " << what.item << '\n';
        if (auto sent = send_value(session, value_map{{"id", what.id}, {"state", "brewing"}});
            !sent) {
            std::cerr << "Cannot confirm: " << sent.error().message << '\n';
        }
    });
    on_value_request<std::string>(server, [](const std::string& item) -> Result<double> {
        static const std::map<std::string, double> prices{{"tea", 2.5}, {"coffee", 3.0}};
        const auto found = prices.find(item);
        if (found == prices.end()) {
            return error_info{static_cast<int>(errc::invalid_argument), "there is no " + item};
        }
        return found->second;
    });
}
// [/readme:typed_server]

void show() {
    core::messaging_server server("shop");
    serve_orders(server);
    sample::require(server.start_server(0), "start_server");

    std::promise<value> confirmed;
    core::messaging_client client("guest");
    on_value<value>(client, [&](const value& what) { confirmed.set_value(what); });
    sample::require(client.start_client("localhost", server.local_port()), "start_client");

    sample::require(send_value(client, order{7, "tea", {"milk"}, 0.5}), "send_value");
    const value answer = sample::await(confirmed.get_future(), "the confirmation");
    sample::expect(answer.get<int>("id").value() == 7, "it is about order 7");
    std::cout << "Order 7 is " << answer.get<std::string>("state").value() << '\n';

    // [readme:typed_request]
    std::promise<Result<double>> priced;
    auto asked =
        request_value<double>(client, "coffee", std::chrono::seconds(5),
                              [&](Result<double> price) { priced.set_value(std::move(price)); });
    // [/readme:typed_request]
    sample::require(asked, "request_value");
    const auto price = sample::await(priced.get_future(), "the price");
    std::cout << "Coffee costs " << sample::require(price, "the price") << '\n';

    std::promise<Result<double>> refused;
    sample::require(
        request_value<double>(client, "gold", std::chrono::seconds(5),
                              [&](Result<double> no) { refused.set_value(std::move(no)); }),
        "request_value");
    const auto no = sample::await(refused.get_future(), "the refusal");
    sample::expect(no.is_err(), "gold is not sold");
    std::cout << "Gold: " << no.error().message << '\n';
}

}  // namespace

int main() {
    return sample::run(show);
}
