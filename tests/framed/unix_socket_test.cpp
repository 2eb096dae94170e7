// Unix domain sockets: the same classes, and what is different about a file.
#include "support/loopback.h"
#include "support/scratch_directory.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace loopback {
namespace {

namespace fs = std::filesystem;

class unix_socket_test : public BothReadiness {
protected:
    [[nodiscard]] static server_options at(const std::string& where) {
        server_options options = for_server();
        options.bind_address = "unix:" + where;
        return options;
    }

    scratch_directory directory;
    const std::string path = directory.file("server.sock");
    const std::string address = "unix:" + path;
};
INSTANTIATE_TEST_SUITE_P(method, unix_socket_test, both_methods(), method_of);

/// A socket bound to the path, listening or not; closing it leaves the file.
[[nodiscard]] raw_peer bound_to(const std::string& path, bool listens) {
    raw_peer made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, path.c_str(), path.size());
    EXPECT_EQ(::bind(made.handle(), reinterpret_cast<const ::sockaddr*>(&local), sizeof local), 0);
    if (listens) {
        EXPECT_EQ(::listen(made.handle(), 1), 0);
    }
    return made;
}

TEST_P(unix_socket_test, carry_messages_both_ways) {
    test_server server(at(path));
    EXPECT_EQ(server.start(), 0) << "there is no port";
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client(address, 0)));
    ASSERT_TRUE(client.exchange("small"));
    ASSERT_TRUE(client.exchange(pattern(std::size_t{3} << 20U)));
    ASSERT_TRUE(client.client.ping().is_ok());
    const auto session = server.sessions.at(0);
    EXPECT_EQ(session->remote_endpoint().to_string(), "unix:") << "clients have no name";
    EXPECT_EQ(session->local_endpoint().to_string(), address);
    EXPECT_EQ(client.client.get_session().value()->remote_endpoint().to_string(), address);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_EQ(client.errors.size(), 0U);
}

TEST_P(unix_socket_test, the_file_goes_with_the_server) {
    test_server server(at(path));
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(is_ok(server.server.start_server(0)));
        EXPECT_TRUE(fs::is_socket(path));
        ASSERT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_FALSE(fs::exists(path));
    }
    test_client client(for_client());
    const auto gone = client.client.start_client(address, 0);
    EXPECT_TRUE(fails_with(gone, errc::connection_failed));
    EXPECT_NE(gone.error().message.find(address + ": No such file"), std::string::npos)
        << gone.error().message;
}

TEST_P(unix_socket_test, a_file_that_is_not_ours_stays) {
    test_server server(at(path));
    server.start();
    fs::remove(path);
    const raw_peer other = bound_to(path, true);
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(fs::is_socket(path));
}

TEST_P(unix_socket_test, a_stale_file_is_replaced) {
    bound_to(path, true).close();
    ASSERT_TRUE(fs::is_socket(path));
    test_server server(at(path));
    server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client(address, 0)));
    EXPECT_TRUE(client.exchange("new"));
}

TEST_P(unix_socket_test, a_live_servers_file_is_in_use) {
    test_server holder(at(path));
    holder.start();
    messaging_server second("second", at(path));
    const auto refused = second.start_server(0);
    EXPECT_TRUE(fails_with(refused, errc::bind_failed));
    EXPECT_NE(refused.error().message.find("in use"), std::string::npos);
    EXPECT_NE(refused.error().message.find(address), std::string::npos);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client(address, 0)));
    EXPECT_TRUE(client.exchange("unharmed"));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(holder.server.stop_server()));
    EXPECT_TRUE(is_ok(second.start_server(0)));
}

TEST_P(unix_socket_test, a_file_that_is_no_socket_is_left_alone) {
    std::ofstream(path) << "precious";
    EXPECT_TRUE(fails_with(messaging_server("s", at(path)).start_server(0), errc::bind_failed));
    EXPECT_EQ(fs::file_size(path), 8U);
}

TEST_P(unix_socket_test, permissions_are_set_before_anybody_can_connect) {
    server_options options = at(path);
    options.unix_permissions = 0600;
    messaging_server server("s", options);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    options.unix_permissions = 01777;
    EXPECT_TRUE(fails_with(messaging_server("s", options).start_server(0), errc::invalid_argument));
}

TEST_P(unix_socket_test, bad_paths_are_refused) {
    const std::string too_long = "/tmp/" + std::string(200, 'x');
    for (const std::string& each : {std::string(), too_long, std::string("/tmp/a\0b", 8)}) {
        EXPECT_TRUE(
            fails_with(messaging_server("s", at(each)).start_server(0), errc::invalid_argument));
        EXPECT_TRUE(fails_with(test_client(for_client()).client.start_client("unix:" + each, 0),
                               errc::invalid_argument));
    }
    EXPECT_TRUE(
        fails_with(messaging_server("s", at(path)).start_server(80), errc::invalid_argument));
    EXPECT_TRUE(fails_with(test_client(for_client()).client.start_client(address, 80),
                           errc::invalid_argument));
    const auto nowhere = messaging_server("s", at(directory.file("no/such/x"))).start_server(0);
    EXPECT_TRUE(fails_with(nowhere, errc::bind_failed));
}

TEST_P(unix_socket_test, the_longest_path_works) {
    const std::size_t most = sizeof(::sockaddr_un::sun_path) - 1;
    const std::string longest = directory.file(std::string(most - directory.file("").size(), 'x'));
    ASSERT_EQ(longest.size(), most);
    test_server server(at(longest));
    server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("unix:" + longest, 0)));
    EXPECT_TRUE(client.exchange("long"));
    EXPECT_EQ(server.sessions.at(0)->local_endpoint().path(), longest);
}

TEST_P(unix_socket_test, the_limit_per_address_does_not_apply) {
    server_options options = at(path);
    options.max_connections_per_address = 1;
    options.max_connections = 2;
    test_server server(options);
    server.start();
    test_client first(for_client());
    test_client second(for_client());
    test_client third(for_client());
    ASSERT_TRUE(is_ok(first.client.start_client(address, 0)));
    ASSERT_TRUE(is_ok(second.client.start_client(address, 0)));
    EXPECT_TRUE(fails_with(third.client.start_client(address, 0), errc::server_full));
}

#ifdef __linux__
TEST_P(unix_socket_test, abstract_names_have_no_file) {
    const std::string name = "@network_system-" + std::to_string(::getpid());
    test_server server(at(name));
    server.start();
    EXPECT_FALSE(fs::exists(name));
    EXPECT_TRUE(fails_with(messaging_server("s", at(name)).start_server(0), errc::bind_failed));
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("unix:" + name, 0)));
    EXPECT_TRUE(client.exchange("abstract"));
    EXPECT_EQ(server.sessions.at(0)->local_endpoint().path(), name);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(
        fails_with(client.client.start_client("unix:" + name, 0), errc::connection_refused));
}
#endif

}  // namespace
}  // namespace loopback
