// Proxies that others have written, started by the tests.
#pragma once

#include "client/proxies/scripted_proxy.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace loopback {

/// What the proxies below let in where they ask.
inline const std::string known_user = "me";
inline const std::string known_password = "open-sesame";

/// A program that listens on a port. The port was found free, and stays this one's: a socket of
/// ours is bound to it as well, without listening.
class running_proxy {
public:
    running_proxy() = default;
    running_proxy(const running_proxy&) = delete;
    running_proxy& operator=(const running_proxy&) = delete;
    virtual ~running_proxy() = default;

    [[nodiscard]] std::uint16_t port() const { return port_.number(); }
    [[nodiscard]] bool is_listening() const { return listens(port_); }

protected:
    [[nodiscard]] static bool listens(const refusing_port& port) {
        return eventually([&] { return raw_peer::unconnected().connect_to(port.number()); });
    }
    [[nodiscard]] std::string port_text() const { return std::to_string(port()); }
    /// A file that users without rights can read, too.
    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        const std::string path = directory_.file(name);
        std::ofstream(path) << text;
        EXPECT_EQ(::chmod(directory_.file("").c_str(), 0755), 0);
        EXPECT_EQ(::chmod(path.c_str(), 0644), 0);
        return path;
    }
    [[nodiscard]] std::string place(const std::string& name) const { return directory_.file(name); }
    void start(const std::string& program, std::vector<std::string> arguments) {
        process_ = std::make_unique<integration::child_process>(program, std::move(arguments));
    }
    void end() { process_.reset(); }

private:
    const scratch_directory directory_;
    const refusing_port port_{true};
    std::unique_ptr<integration::child_process> process_;
};

class running_tinyproxy final : public running_proxy {
public:
    running_tinyproxy(const std::string& program, bool asks) {
        std::string text = "Port " + port_text() +
                           "\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Critical\n";
        if (asks) {
            text += "BasicAuth " + known_user + ' ' + known_password + '\n';
        }
        start(program, {"-d", "-c", write("tinyproxy.conf", text)});
    }
};

class running_microsocks final : public running_proxy {
public:
    running_microsocks(const std::string& program, bool asks) {
        std::vector<std::string> arguments{"-i", "127.0.0.1", "-p", port_text()};
        if (asks) {
            arguments.insert(arguments.end(), {"-u", known_user, "-P", known_password});
        }
        start(program, std::move(arguments));
    }
};

class running_dante final : public running_proxy {
public:
    explicit running_dante(const std::string& program) {
        start(program,
              {"-f", write("danted.conf", "logoutput: " + place("log") +
                                              "\ninternal: 127.0.0.1 port = " + port_text() +
                                              "\nexternal: lo\nclientmethod: none\n"
                                              "socksmethod: none\nuser.privileged: root\n"
                                              "user.unprivileged: nobody\n"
                                              "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n"
                                              "socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n")});
    }
};

/// One that asks on two of its ports, and speaks TLS on two: it takes a while to start. TLS needs
/// a certificate and its key, in PEM. It keeps memory that is shared under the name of its service:
/// two of the same name that start at once make one of them give up.
class running_squid final : public running_proxy {
public:
    running_squid(const std::string& program, const std::string& certificate,
                  const std::string& key) {
        // "open-sesame", as `openssl passwd -apr1` has it.
        const std::string users =
            write("users", known_user + ":$apr1$netsyste$knIomVeixuOXoGTXlsKkt/\n");
        const std::string files = " tls-cert=" + write("certificate.pem", certificate) +
                                  " tls-key=" + write("key.pem", key) + '\n';
        const auto listen = [](const char* how, std::uint16_t port, const std::string& name) {
            return std::string(how) + " 127.0.0.1:" + std::to_string(port) + " name=" + name;
        };
        const std::string text =
            listen("http_port", port(), "open\n") + listen("http_port", port(true, false), "a\n") +
            listen("https_port", port(false, true), "open_secret") + files +
            listen("https_port", port(true, true), "b") + files +
            "auth_param basic program /usr/lib/squid/basic_ncsa_auth " + users + "\n" +
            "auth_param basic children 1 startup=1 idle=1\nauth_param basic realm tests\n"
            "acl open myportname open open_secret\nacl known proxy_auth REQUIRED\n"
            "http_access allow open\nhttp_access allow known\nhttp_access deny all\n"
            "cache deny all\ncache_mem 8 MB\naccess_log none\ncache_log /dev/null\n"
            "cache_store_log none\npid_filename none\nnetdb_filename none\npinger_enable off\n"
            "max_filedescriptors 256\ncoredump_dir none\n";
        start(program, {"-N", "-n", service_, "-f", write("squid.conf", text)});
    }
    running_squid(const running_squid&) = delete;
    running_squid& operator=(const running_squid&) = delete;
    ~running_squid() override {
        end();
        for (const char* each : {"metadata", "queues", "readers"}) {
            (void)::shm_unlink(('/' + service_ + "-cf__" + each + ".shm").c_str());
        }
    }

    using running_proxy::port;
    [[nodiscard]] std::uint16_t port(bool asks, bool is_secret) const {
        return is_secret ? secret_[asks ? 1 : 0].number()
               : asks    ? asking_.number()
                         : running_proxy::port();
    }

private:
    const std::string service_ = "tests" + port_text();
    const refusing_port asking_{true};
    const std::array<refusing_port, 2> secret_{refusing_port{true}, refusing_port{true}};
};

}  // namespace loopback
