#pragma once

#include "support/context_runner.h"

#include <asio/post.hpp>

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace loopback {

/// A network namespace of its own, and the thread that is inside it, which runs an io_context: what
/// that opens is in the namespace. Both go together, however the test ends.
class network_namespace {
public:
    network_namespace() {
        run([this] {
            error_ = ::unshare(CLONE_NEWNET) == 0 ? 0 : errno;
            thread_ = ::gettid();
        });
    }

    /// Not set when there is one.
    [[nodiscard]] std::error_code error() const { return {error_, std::system_category()}; }
    [[nodiscard]] std::string thread() const { return std::to_string(thread_); }
    [[nodiscard]] asio::io_context& context() { return runner_.context; }

    template <typename Work>
    void run(const Work& work) {
        event_counter done;
        asio::post(runner_.context, [&] {
            work();
            done.add();
        });
        ASSERT_TRUE(done.wait_for(1));
    }
    /// Whether `ip` with these arguments succeeds there.
    [[nodiscard]] bool ip(const std::string& arguments) {
        return shell("ip " + arguments + " >/dev/null 2>&1");
    }
    /// Until the device is in use a kernel drops what is sent through it, and tells nobody.
    [[nodiscard]] bool has_carrier(const std::string& device) {
        return eventually(
            [&] { return shell("ip -o link show " + device + " | grep -q 'state UP'"); });
    }

private:
    [[nodiscard]] bool shell(const std::string& command) {
        int status = -1;
        run([&] { status = std::system(command.c_str()); });
        return status == 0;
    }

    int error_ = 0;
    ::pid_t thread_ = 0;
    context_runner runner_{1};
};

/// Two machines, as far as the network can tell, and the cable between them: a pair of virtual
/// Ethernet devices with an MTU of 1500.
class network_link {
public:
    network_link() {
        if (near.error()) {
            missing_ = "the right to make network namespaces (root, CAP_SYS_ADMIN): " +
                       near.error().message();
        } else if (!near.ip("-V")) {
            missing_ = "the program ip (Debian: iproute2)";
        } else if (!near.ip("link add near type veth peer name far netns " + far.thread())) {
            missing_ = "virtual Ethernet devices (the kernel module veth, CAP_NET_ADMIN)";
        } else if (!set_up(near, "near", "1") || !set_up(far, "far", "2") ||
                   !near.has_carrier("near") || !far.has_carrier("far")) {
            missing_ = "the right to set up a network device";
        }
    }

    /// What the machine has to have for this; empty when it is there.
    [[nodiscard]] const std::string& missing() const { return missing_; }
    [[nodiscard]] bool has_ipv6() const { return has_ipv6_; }

    network_namespace near;
    network_namespace far;

private:
    [[nodiscard]] bool set_up(network_namespace& end, const std::string& device,
                              const std::string& number) {
        // No address is in doubt for the first second, as one that was made up would be.
        const bool is_up = end.ip("link set lo up") &&
                           end.ip("link set " + device + " addrgenmode none") &&
                           end.ip("addr add 10.77.0." + number + "/24 broadcast + dev " + device) &&
                           end.ip("link set " + device + " up");
        has_ipv6_ =
            is_up && has_ipv6_ && end.ip("addr add fd77::" + number + "/64 nodad dev " + device);
        return is_up;
    }

    std::string missing_;
    bool has_ipv6_ = true;
};

}  // namespace loopback
