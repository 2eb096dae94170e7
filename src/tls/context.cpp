#include "tls/context.h"

#include "tls/callbacks.h"
#include "tls/ciphers.h"
#include "tls/credentials/files.h"
#include "tls/credentials/trust.h"
#include "tls/errors.h"
#include "tls/pins.h"
#include "tls/resumption/ticket_keys.h"
#include "tls/settings.h"
#include "utils/log.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

// 112 bits: RSA keys from 2,048 bits on, no SHA-1 signatures.
constexpr int security_level = 2;

int to_openssl(tls_version version) noexcept {
    return version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/// Builds one context; the first step that fails is the result.
class context_builder {
public:
    context_builder(const tls_config& config, connection_role role,
                    std::shared_ptr<const tls_trust> trust,
                    std::shared_ptr<tls_ticket_keys> tickets, std::string_view source,
                    const log_output* log)
        : config_(config), role_(role), trust_(std::move(trust)), tickets_(std::move(tickets)),
          source_(source), log_(log) {}

    Result<tls_context_ptr> build() {
        if (auto made = make(); !made) {
            return made;
        }
        for (const auto step :
             {&context_builder::set_protocols, &context_builder::set_cipher_lists,
              &context_builder::set_verification, &context_builder::set_resumption,
              &context_builder::set_key_log, &context_builder::set_identities}) {
            if (auto result = (this->*step)(); result.is_err()) {
                return result.error();
            }
        }
        return context_;
    }

private:
    [[nodiscard]] SSL_CTX* context() const noexcept { return context_.get(); }

    VoidResult wrong(std::string_view what) const {
        return detail::failure(errc::invalid_argument,
                               fmt::format("tls_config: {}: {}", what, take_error()), source_);
    }

    Result<tls_context_ptr> make() {
        auto state = std::make_shared<tls_context_state>();
        SSL_CTX* const made = SSL_CTX_new(role_ == connection_role::server ? TLS_server_method()
                                                                           : TLS_client_method());
        if (made == nullptr) {
            return detail::failure(errc::internal_error, "SSL_CTX_new: " + take_error(), source_);
        }
        context_ = tls_context_ptr(made, [state](SSL_CTX* gone) { SSL_CTX_free(gone); });
        state_ = state.get();
        set_state(made, *state_);
        SSL_CTX_set_security_level(made, security_level);
        SSL_CTX_set_options(made, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                      SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
        SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_clear_mode(made, SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_info_callback(made, &tls_callbacks::record_event);
        return context_;
    }

    VoidResult set_protocols() {
        if (SSL_CTX_set_min_proto_version(context(), to_openssl(config_.min_version)) != 1 ||
            SSL_CTX_set_max_proto_version(context(), to_openssl(config_.max_version)) != 1) {
            return wrong("min_version or max_version");
        }
        if (config_.application_protocols.empty()) {
            return ok();
        }
        for (const std::string& each : config_.application_protocols) {
            state_->protocols.push_back(static_cast<unsigned char>(each.size()));
            state_->protocols.insert(state_->protocols.end(), each.begin(), each.end());
        }
        if (role_ == connection_role::server) {
            SSL_CTX_set_alpn_select_cb(context(), &tls_callbacks::choose_protocol, nullptr);
        } else if (SSL_CTX_set_alpn_protos(context(), state_->protocols.data(),
                                           static_cast<unsigned>(state_->protocols.size())) != 0) {
            return wrong("application_protocols");
        }
        return ok();
    }

    VoidResult set_cipher_lists() {
        return set_ciphers(context(), config_, role_ == connection_role::server, source_);
    }

    VoidResult set_verification() {
        for (const std::string& each : config_.pinned_certificates) {
            state_->pins.push_back(parse_pin(each).value_or(""));
        }
        state_->crls = config_.crl_policy;
        state_->trust = trust_;
        if (trust_) {
            SSL_CTX_set1_cert_store(context(), trust_->authorities());
        }
        int mode = SSL_VERIFY_NONE;
        if (role_ == connection_role::client) {
            mode = trust_ || !state_->pins.empty() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
        } else if (config_.client_certificate_mode != client_certificates::none) {
            mode = SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
            if (config_.client_certificate_mode == client_certificates::required) {
                mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
            }
            // Clients with several certificates choose by it.
            for (const auto& each : trust_->named()) {
                (void)SSL_CTX_add_client_CA(context(), each.get());
            }
        }
        SSL_CTX_set_verify(context(), mode, nullptr);
        SSL_CTX_set_cert_verify_callback(context(), &tls_callbacks::verify_peer, nullptr);
        if (config_.request_ocsp || config_.require_ocsp_staple) {
            (void)SSL_CTX_set_tlsext_status_type(context(), TLSEXT_STATUSTYPE_ocsp);
        }
        if (config_.require_ocsp_staple) {
            (void)SSL_CTX_set_tlsext_status_cb(context(), &tls_callbacks::check_staple);
        }
        return ok();
    }

    VoidResult set_resumption() {
        state_->session_lifetime = config_.session_lifetime;
        SSL_CTX_set_timeout(context(), static_cast<long>(config_.session_lifetime.count()));
        if (role_ == connection_role::client) {
            SSL_CTX_set_session_cache_mode(context(),
                                           config_.session_resumption
                                               ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                               : SSL_SESS_CACHE_OFF);
            SSL_CTX_sess_set_new_cb(context(), &tls_callbacks::remember_session);
            return ok();
        }
        SSL_CTX_set_session_cache_mode(context(), SSL_SESS_CACHE_OFF);
        if (!config_.session_resumption) {
            SSL_CTX_set_options(context(), SSL_OP_NO_TICKET);
        }
        // One is what a client of ours uses; each costs an encryption and a write.
        state_->tickets = tickets_;
        if (SSL_CTX_set_num_tickets(context(), config_.session_resumption ? 1 : 0) != 1 ||
            SSL_CTX_set_tlsext_ticket_key_evp_cb(context(), &tls_callbacks::use_ticket_key) != 1 ||
            SSL_CTX_set_session_ticket_cb(context(), &tls_callbacks::write_ticket,
                                          &tls_callbacks::check_ticket, nullptr) != 1) {
            return wrong("session_resumption");
        }
        return set_session_scope();
    }

    /// A client certificate that was good enough for one configuration must not become so for
    /// another one by resumption.
    VoidResult set_session_scope() {
        std::string scope =
            fmt::format("{};{};{};", static_cast<int>(config_.client_certificate_mode),
                        static_cast<int>(config_.crl_policy), trust_ ? trust_->digest() : "");
        for (const std::string& each : state_->pins) {
            scope += each + ';';
        }
        const std::string digest = sha256_of(scope);
        if (SSL_CTX_set_session_id_context(context(),
                                           reinterpret_cast<const unsigned char*>(digest.data()),
                                           static_cast<unsigned>(digest.size())) != 1) {
            return wrong("session_resumption");
        }
        return ok();
    }

    VoidResult set_key_log() {
        if (config_.key_log_file.empty()) {
            return ok();
        }
        state_->key_log.open(config_.key_log_file, std::ios::app);
        if (!state_->key_log) {
            return detail::failure(
                errc::invalid_argument,
                "tls_config: key_log_file cannot be written: " + config_.key_log_file, source_);
        }
        std::error_code ignored;  // of a file system without permissions
        std::filesystem::permissions(
            config_.key_log_file,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
        detail::log(log_level::warning, {"tls", source_, nullptr, log_},
                    "the secrets of connections are written to {}", config_.key_log_file);
        SSL_CTX_set_keylog_callback(context(), &tls_callbacks::log_keys);
        return ok();
    }

    VoidResult set_identities() {
        if (role_ == connection_role::server) {
            return serve_identities();
        }
        if (config_.identity.certificate_file.empty()) {
            return ok();
        }
        const auto loaded = load_identity(config_.identity, context(), source_);
        if (!loaded) {
            return loaded.error();
        }
        const loaded_identity& own = loaded.value();
        return SSL_CTX_use_cert_and_key(context(), own.certificate.get(), own.key.get(),
                                        own.chain.get(), 1) == 1
                   ? ok()
                   : cannot_load("certificate", own.file, source_);
    }

    VoidResult serve_identities() {
        auto loaded = served_identities::load(config_, context(), source_);
        if (!loaded) {
            return loaded.error();
        }
        state_->identities = std::move(loaded).value();
        if (!state_->identities.offer_default(context())) {
            return cannot_load("certificate", config_.identity.certificate_file, source_);
        }
        if (state_->identities.depends_on_name()) {
            SSL_CTX_set_cert_cb(context(), &tls_callbacks::choose_identities, nullptr);
            SSL_CTX_set_tlsext_servername_callback(context(), &tls_callbacks::accept_name);
        }
        if (state_->identities.has_status()) {
            (void)SSL_CTX_set_tlsext_status_cb(context(), &tls_callbacks::staple);
        }
        return ok();
    }

    const tls_config& config_;
    const connection_role role_;
    const std::shared_ptr<const tls_trust> trust_;
    const std::shared_ptr<tls_ticket_keys> tickets_;
    const std::string source_;
    const log_output* const log_;
    tls_context_ptr context_;
    tls_context_state* state_ = nullptr;
};

}  // namespace

bool verifies_chains(const tls_config& config, connection_role role) noexcept {
    return role == connection_role::client
               ? config.verify_peer
               : config.client_certificate_mode != client_certificates::none;
}

Result<tls_context_ptr> make_server_context(const tls_config& config,
                                            const std::shared_ptr<const tls_trust>& trust,
                                            const std::shared_ptr<tls_ticket_keys>& tickets,
                                            std::string_view source, const log_output* log) {
    return context_builder(config, connection_role::server, trust, tickets, source, log).build();
}

Result<tls_context_ptr> make_client_context(const tls_config& config,
                                            const std::shared_ptr<const tls_trust>& trust,
                                            std::string_view source, const log_output* log) {
    return context_builder(config, connection_role::client, trust, nullptr, source, log).build();
}

}  // namespace network_system::core
