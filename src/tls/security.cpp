#include "tls/security.h"

#include "os/native_socket.h"
#include "os/unix_socket.h"
#include "tls/credentials/files.h"
#include "tls/credentials/trust.h"
#include "tls/resumption/ticket_keys.h"
#include "tls/transport.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/process.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <atomic>
#include <unordered_map>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

using transport::tls_settings;

/// I/O threads use TLS until the process exits, and statics of the application in their
/// destructors: OpenSSL must not be cleaned up before them. Who uses it first decides that, so it
/// is done before main.
[[maybe_unused]] const int openssl_is_kept = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);

/// The trust of a configuration; null when it verifies no chain.
Result<std::shared_ptr<const tls_trust>> trust_of(const tls_config& config, connection_role role,
                                                  std::string_view source, const log_output* log) {
    if (!verifies_chains(config, role)) {
        return std::shared_ptr<const tls_trust>();
    }
    return tls_trust::of(config, source, log);
}

/// Everything that a client's context is made of: equal digests, equal contexts.
Result<std::string> identity_of(const tls_config& config, const tls_trust* trust,
                                std::string_view source) {
    std::string all = fmt::format(
        "{};{};{};{};{};{};{};{};{}", config.verify_peer, static_cast<int>(config.min_version),
        static_cast<int>(config.max_version), config.session_resumption,
        config.session_lifetime.count(), config.request_ocsp, config.require_ocsp_staple,
        static_cast<int>(config.crl_policy), config.application_protocols.size());
    const auto add = [&all](const std::string& part) {
        all += fmt::format(";{}:{}", part.size(), part);
    };
    add(trust != nullptr ? trust->digest() : std::string());
    for (const auto& [what, path] : {std::pair{"certificate", &config.identity.certificate_file},
                                     std::pair{"key", &config.identity.key_file}}) {
        if (path->empty()) {
            add({});
            continue;
        }
        const auto digest = digest_of_tls_file(what, *path, source);
        if (!digest) {
            return digest.error();
        }
        add(digest.value());
    }
    for (const std::string* each : {&config.identity.key_password, &config.key_log_file,
                                    &config.ciphers, &config.cipher_suites, &config.groups}) {
        add(*each);
    }
    for (const auto* each : {&config.application_protocols, &config.pinned_certificates}) {
        for (const std::string& part : *each) {
            add(part);
        }
        all += ';';
    }
    return sha256_of(all);
}

struct client_context {
    tls_context_ptr context;
    std::string identity;
};

/// The contexts of the clients of this process, by what they are made of.
class client_contexts {
public:
    static Result<client_context> get(const tls_config& config, std::string_view source,
                                      const log_output* log) {
        const auto trust = trust_of(config, connection_role::client, source, log);
        if (!trust) {
            return trust.error();
        }
        auto identity = identity_of(config, trust.value().get(), source);
        if (!identity) {
            return identity.error();
        }
        auto& all = detail::per_process<client_contexts>::get();
        if (auto known = all.find(identity.value())) {
            return client_context{std::move(known), std::move(identity).value()};
        }
        // Not under the lock: it may log.
        return make_client_context(config, trust.value(), source, log).map([&](const auto& made) {
            return client_context{all.keep(identity.value(), made), identity.value()};
        });
    }

private:
    [[nodiscard]] tls_context_ptr find(const std::string& identity) {
        const std::lock_guard lock(mutex_);
        const auto found = by_identity_.find(identity);
        return found == by_identity_.end() ? nullptr : found->second.lock();
    }
    /// What somebody else has made in the meantime stays.
    [[nodiscard]] tls_context_ptr keep(const std::string& identity, const tls_context_ptr& made) {
        const std::lock_guard lock(mutex_);
        std::erase_if(by_identity_, [](const auto& each) { return each.second.expired(); });
        auto& place = by_identity_[identity];
        if (auto known = place.lock()) {
            return known;
        }
        place = made;
        return made;
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<ssl_ctx_st>> by_identity_;
};

struct client_session_cache {
    std::shared_ptr<transport::tls_session_cache> sessions =
        std::make_shared<transport::tls_session_cache>();
};

/// The sessions of all clients of this process: they outlive the clients.
const std::shared_ptr<transport::tls_session_cache>& client_sessions() {
    // A forked child begins anew: of a session that both resume, an observer could tell that.
    return detail::per_process<client_session_cache>::get().sessions;
}

}  // namespace

class server_tls::current_settings {
public:
    [[nodiscard]] settings_ptr get() const {
        const std::lock_guard lock(mutex_);
        return settings_;
    }
    /// Those of the reload that began last stay: another one may have read older files.
    void set(settings_ptr next, std::uint64_t reload) {
        const std::lock_guard lock(mutex_);
        if (reload > reload_) {
            reload_ = reload;
            settings_.swap(next);
        }
    }

private:
    mutable std::mutex mutex_;
    settings_ptr settings_;
    std::uint64_t reload_ = 0;
};

server_tls::server_tls(tls_config config, std::shared_ptr<log_output> log)
    : config_(std::move(config)), log_(std::move(log)),
      tickets_(std::make_shared<tls_ticket_keys>()),
      current_(std::make_shared<current_settings>()) {}

VoidResult server_tls::reload(std::string_view source) {
    if (auto checked = check_server_config(config_, source); checked.is_err()) {
        return checked;
    }
    const std::uint64_t number = ++reloads_;
    const auto trust = trust_of(config_, connection_role::server, source, log_.get());
    if (!trust) {
        return trust.error();
    }
    auto context = make_server_context(config_, trust.value(), tickets_, source, log_.get());
    if (!context) {
        return context.error();
    }
    auto next = std::make_shared<tls_settings>();
    next->role = connection_role::server;
    next->context = std::move(context).value();
    next->handshake_timeout = config_.handshake_timeout;
    next->counters = counters_;
    current_->set(std::move(next), number);
    return ok();
}

Result<transport::transport_factory> server_tls::transports_to(std::string_view, std::uint16_t,
                                                               std::string_view source) {
    return reload(source).map([this](auto) -> transport::transport_factory {
        return [current = current_](std::shared_ptr<runtime::loop> where,
                                    runtime::unique_socket socket) {
            return transport::make_tls_transport(std::move(where), std::move(socket),
                                                 current->get());
        };
    });
}

/// What a client connects to, and with what settings.
class client_tls::target {
public:
    /// The part of the settings that stays.
    target(const tls_config& config, tls_settings settings, std::string server,
           std::string_view source, std::shared_ptr<log_output> log)
        : config_(config), source_(source), log_(std::move(log)), server_(std::move(server)),
          settings_(std::move(settings)) {}

    [[nodiscard]] VoidResult read() {
        auto read = client_contexts::get(config_, source_, log_.get());
        if (!read) {
            return read.error();
        }
        const std::lock_guard lock(mutex_);
        settings_.context = std::move(read.value().context);
        identity_ = std::move(read.value().identity);
        return ok();
    }

    /// For the connection that has just been made. From the second on, the files are looked at
    /// again: a client that reconnects for weeks must not trust what it was told weeks ago.
    [[nodiscard]] std::shared_ptr<const tls_settings> settings_for(std::uint16_t port) {
        if (is_used_.exchange(true)) {
            if (const auto result = read(); result.is_err()) {
                detail::log(log_level::warning, {"tls", source_, nullptr, log_.get()},
                            "what was read before stays in force: {}", result.error().message);
            }
        }
        const std::lock_guard lock(mutex_);
        auto settings = std::make_shared<tls_settings>(settings_);
        settings->session_key = fmt::format("{} {} {}", identity_, server_, port);
        return settings;
    }

private:
    const tls_config config_;
    const std::string source_;
    const std::shared_ptr<log_output> log_;
    const std::string server_;
    std::mutex mutex_;
    tls_settings settings_;
    std::string identity_;
    std::atomic<bool> is_used_{false};
};

client_tls::client_tls(tls_config config, std::shared_ptr<log_output> log)
    : config_(std::move(config)), log_(std::move(log)) {}

Result<std::shared_ptr<client_tls::target>> client_tls::target_at(std::string_view host,
                                                                  std::string_view source) {
    if (auto checked = check_client_config(config_, source); checked.is_err()) {
        return checked.error();
    }
    const auto name = name_of_server(config_, host, source);
    if (!name) {
        return name.error();
    }
    if (!config_.verify_peer) {
        detail::log(log_level::warning, {"tls", source, nullptr, log_.get()},
                    "the certificate of {} is not verified{}", host,
                    config_.pinned_certificates.empty() ? "" : ", only pinned");
    }
    tls_settings settings;
    settings.role = connection_role::client;
    settings.server_name = name.value();
    settings.verifies_name = config_.verify_peer;
    settings.handshake_timeout = config_.handshake_timeout;
    settings.counters = counters_;
    settings.sessions = config_.session_resumption ? client_sessions() : nullptr;
    auto to = std::make_shared<target>(config_, std::move(settings),
                                       fmt::format("{} {}", name.value(), host), source, log_);
    if (auto read = to->read(); read.is_err()) {
        return read.error();
    }
    const std::lock_guard lock(mutex_);
    last_ = to;
    return to;
}

Result<transport::transport_factory> client_tls::transports_to(std::string_view host,
                                                               std::uint16_t port,
                                                               std::string_view source) {
    return target_at(host, source).map([&](const std::shared_ptr<target>& to) {
        return transport::transport_factory(
            [to, port](std::shared_ptr<runtime::loop> where, runtime::unique_socket socket) {
                auto with = to->settings_for(
                    port != 0 ? port : runtime::sockets::remote_endpoint(socket.get()).port());
                return transport::make_tls_transport(std::move(where), std::move(socket),
                                                     std::move(with));
            });
    });
}

Result<transport::transport_factory> make_transports_through(
    const secure_proxy& proxy, std::shared_ptr<log_output> log, stream_security* security,
    std::string_view host, std::uint16_t port, std::string_view source) {
    auto outer = client_tls(proxy.config, std::move(log)).target_at(proxy.host, source);
    if (!outer) {
        error_info wrong = outer.error();
        wrong.message.insert(0, "proxy.tls: ");
        return wrong;
    }
    const auto to_proxy = [of = std::move(outer).value(), at = proxy.port] {
        return of->settings_for(at);
    };
    if (security == nullptr) {
        return transport::transport_factory(
            [to_proxy, open = proxy.open](std::shared_ptr<runtime::loop> where,
                                          runtime::unique_socket socket) {
                return transport::make_tunnel_transport(std::move(where), std::move(socket),
                                                        to_proxy(), open());
            });
    }
    // A client's is always one.
    auto inner = static_cast<client_tls&>(*security).target_at(host, source);
    return inner.map([&](const std::shared_ptr<client_tls::target>& to) {
        return transport::transport_factory([to, port, to_proxy, open = proxy.open](
                                                std::shared_ptr<runtime::loop> where,
                                                runtime::unique_socket socket) {
            return transport::make_tls_tunnel_transport(std::move(where), std::move(socket),
                                                        to_proxy(), open(), to->settings_for(port));
        });
    });
}

Result<std::shared_ptr<stream_security>> make_server_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output> log, std::string_view) {
    return config ? std::shared_ptr<stream_security>(
                        std::make_shared<server_tls>(*config, std::move(log)))
                  : nullptr;
}

Result<std::shared_ptr<stream_security>> make_client_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output> log, std::string_view) {
    return config ? std::shared_ptr<stream_security>(
                        std::make_shared<client_tls>(*config, std::move(log)))
                  : nullptr;
}

}  // namespace network_system::core
