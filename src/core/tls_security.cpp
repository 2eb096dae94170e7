#include "core/tls_security.h"

#include "runtime/unix_socket.h"
#include "transport/tls_transport.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <unordered_map>
#include <utility>

namespace network_system::core {
namespace {

using transport::tls_role;
using transport::tls_terms;

/// Statics of the application may use TLS in their destructors: OpenSSL must not be cleaned up
/// before them. Has an effect where nobody has used it yet.
void keep_openssl_until_the_end() {
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr);
}

engine::make_transport transports_with(std::shared_ptr<const tls_terms> terms) {
    return [terms = std::move(terms)](std::shared_ptr<runtime::loop> where,
                                      runtime::unique_socket socket) {
        return transport::make_tls_transport(std::move(where), std::move(socket), terms);
    };
}

/// Everything that a client's context is made of: equal texts, equal contexts.
std::string identity_of(const tls_config& config) {
    std::string all =
        fmt::format("{};{};{};{};{};{}", config.verify_peer, static_cast<int>(config.min_version),
                    static_cast<int>(config.max_version), config.session_resumption,
                    config.request_ocsp, config.application_protocols.size());
    const auto add = [&all](const std::string& part) {
        all += fmt::format(";{}:{}", part.size(), part);
    };
    const auto add_file = [&](const std::string& path) {
        add(path);
        std::error_code unreadable;
        const auto changed = std::filesystem::last_write_time(path, unreadable);
        all += fmt::format(";{}", unreadable ? 0 : changed.time_since_epoch().count());
    };
    for (const std::string* each : {&config.identity.certificate_file, &config.identity.key_file,
                                    &config.ca_file, &config.ca_path, &config.key_log_file}) {
        add_file(*each);
    }
    for (const std::string* each :
         {&config.identity.key_password, &config.ca_pem, &config.ciphers, &config.cipher_suites}) {
        add(*each);
    }
    for (const auto* each : {&config.application_protocols, &config.pinned_certificates}) {
        for (const std::string& part : *each) {
            add(part);
        }
        all += ';';
    }
    return all;
}

/// The contexts of the clients of this process, by what they are made of.
class client_contexts {
public:
    using part_ptr = std::shared_ptr<const client_tls::shared_part>;

    static Result<part_ptr> get(const tls_config& config, std::string_view source) {
        static client_contexts all;
        const std::lock_guard lock(all.mutex_);
        std::weak_ptr<const client_tls::shared_part>& place = all.parts_[identity_of(config)];
        if (auto known = place.lock()) {
            return known;
        }
        auto context = make_client_context(config, source);
        if (!context) {
            all.drop_unused();
            return context.error();
        }
        auto made = std::make_shared<client_tls::shared_part>();
        made->context = std::move(context).value();
        if (config.session_resumption) {
            made->sessions = std::make_shared<transport::tls_session_cache>();
        }
        place = made;
        all.drop_unused();
        return part_ptr(std::move(made));
    }

private:
    void drop_unused() {
        std::erase_if(parts_, [](const auto& each) { return each.second.expired(); });
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<const client_tls::shared_part>> parts_;
};

}  // namespace

class server_tls::current_terms {
public:
    [[nodiscard]] terms_ptr get() const {
        const std::lock_guard lock(mutex_);
        return terms_;
    }
    void set(terms_ptr next) {
        const std::lock_guard lock(mutex_);
        terms_.swap(next);
    }

private:
    mutable std::mutex mutex_;
    terms_ptr terms_;
};

server_tls::server_tls(tls_config config)
    : config_(std::move(config)), current_(std::make_shared<current_terms>()) {
    keep_openssl_until_the_end();
}

VoidResult server_tls::reload(std::string_view source) {
    if (auto checked = check_server_config(config_, source); checked.is_err()) {
        return checked;
    }
    auto context = make_server_context(config_, source);
    if (!context) {
        return context.error();
    }
    const terms_ptr before = current_->get();
    if (before) {
        carry_ticket_keys_over(before->context.get(), context.value().get());
    }
    auto next = std::make_shared<tls_terms>();
    next->role = tls_role::server;
    next->context = std::move(context).value();
    next->handshake_timeout = config_.handshake_timeout;
    next->counters = counters_;
    current_->set(std::move(next));
    return ok();
}

Result<engine::make_transport> server_tls::transports_to(std::string_view,
                                                         std::string_view source) {
    return reload(source).map([this](auto) -> engine::make_transport {
        return [current = current_](std::shared_ptr<runtime::loop> where,
                                    runtime::unique_socket socket) {
            return transport::make_tls_transport(std::move(where), std::move(socket),
                                                 current->get());
        };
    });
}

client_tls::client_tls(tls_config config) : config_(std::move(config)) {
    keep_openssl_until_the_end();
}

Result<engine::make_transport> client_tls::transports_to(std::string_view host,
                                                         std::string_view source) {
    if (auto checked = check_client_config(config_, source); checked.is_err()) {
        return checked.error();
    }
    const auto name = name_of_server(config_, host, source);
    if (!name) {
        return name.error();
    }
    if (!config_.verify_peer) {
        detail::log(log_level::warning, "{}: the certificate of {} is not verified{}", source, host,
                    config_.pinned_certificates.empty() ? "" : ", only pinned");
    }
    auto shared = client_contexts::get(config_, source);
    if (!shared) {
        return shared.error();
    }
    const std::lock_guard lock(mutex_);
    shared_ = std::move(shared).value();
    auto terms = std::make_shared<tls_terms>();
    terms->role = tls_role::client;
    terms->context = shared_->context;
    terms->server_name = name.value();
    terms->verifies_name = config_.verify_peer;
    terms->handshake_timeout = config_.handshake_timeout;
    terms->counters = counters_;
    terms->sessions = shared_->sessions;
    terms->session_key = fmt::format("{} {}", name.value(), host);
    return transports_with(std::move(terms));
}

Result<std::shared_ptr<stream_security>> make_server_security(
    const std::optional<tls_config>& config, std::string_view) {
    return config ? std::shared_ptr<stream_security>(std::make_shared<server_tls>(*config))
                  : nullptr;
}

Result<std::shared_ptr<stream_security>> make_client_security(
    const std::optional<tls_config>& config, std::string_view) {
    return config ? std::shared_ptr<stream_security>(std::make_shared<client_tls>(*config))
                  : nullptr;
}

}  // namespace network_system::core
