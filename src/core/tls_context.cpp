#include "core/tls_context.h"

#include "core/tls_callbacks.h"
#include "core/tls_files.h"
#include "core/tls_pins.h"
#include "core/tls_ticket_keys.h"
#include "core/tls_trust.h"
#include "transport/tls_terms.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::core {
namespace {

using transport::tls_role;

// AES-128 first: no attack makes the key the weakest part (X25519 and P-256 are as strong), and
// both records and handshakes cost less, for its hash is SHA-256.
constexpr const char* default_ciphers = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* default_suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:X448:P-384:P-521";
// 112 bits: RSA keys from 2,048 bits on, no SHA-1 signatures.
constexpr int security_level = 2;

/// What OpenSSL says about the call that has just failed.
std::string take_error() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    const char* const words = ERR_reason_error_string(error);
    return words != nullptr ? words : "unknown error";
}

error_info cannot_load(std::string_view what, const std::string& file, std::string_view source) {
    const std::string why = take_error();
    error_info info = detail::failure(errc::certificate_load_failed,
                                      fmt::format("{} '{}': {}", what, file, why), source);
    info.details = why;
    return info;
}

int to_openssl(tls_version version) noexcept {
    return version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/// Builds one context; the first step that fails is the result.
class context_builder {
public:
    context_builder(const tls_config& config, tls_role role, std::shared_ptr<const tls_trust> trust,
                    std::shared_ptr<tls_ticket_keys> tickets, std::string_view source)
        : config_(config), role_(role), trust_(std::move(trust)), tickets_(std::move(tickets)),
          source_(source) {}

    Result<tls_context_ptr> build(const tls_identity& identity) {
        if (auto made = make(); !made) {
            return made;
        }
        for (const auto step : {&context_builder::set_protocols, &context_builder::set_ciphers,
                                &context_builder::set_verification,
                                &context_builder::set_resumption, &context_builder::set_key_log}) {
            if (auto result = (this->*step)(); result.is_err()) {
                return result.error();
            }
        }
        if (auto result = set_identity(identity); result.is_err()) {
            return result.error();
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
        SSL_CTX* const made =
            SSL_CTX_new(role_ == tls_role::server ? TLS_server_method() : TLS_client_method());
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
        SSL_CTX_set_info_callback(made, &tls_callbacks::note_event);
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
        if (role_ == tls_role::server) {
            SSL_CTX_set_alpn_select_cb(context(), &tls_callbacks::choose_protocol, nullptr);
        } else if (SSL_CTX_set_alpn_protos(context(), state_->protocols.data(),
                                           static_cast<unsigned>(state_->protocols.size())) != 0) {
            return wrong("application_protocols");
        }
        return ok();
    }

    VoidResult set_ciphers() {
        const char* const list =
            config_.ciphers.empty() ? default_ciphers : config_.ciphers.c_str();
        if (SSL_CTX_set_cipher_list(context(), list) != 1) {
            return wrong("ciphers");
        }
        if (SSL_CTX_set1_groups_list(context(), groups) != 1) {
            return wrong("groups");
        }
        const char* const suites =
            config_.cipher_suites.empty() ? default_suites : config_.cipher_suites.c_str();
        if (SSL_CTX_set_ciphersuites(context(), suites) != 1) {
            return wrong("cipher_suites");
        }
        const STACK_OF(SSL_CIPHER)* const all = SSL_CTX_get_ciphers(context());
        for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) {
            const SSL_CIPHER* const each = sk_SSL_CIPHER_value(all, i);
            if (SSL_CIPHER_get_cipher_nid(each) == NID_undef ||
                SSL_CIPHER_get_auth_nid(each) == NID_auth_null) {
                return detail::failure(
                    errc::invalid_argument,
                    fmt::format("tls_config: ciphers: {} does not encrypt or authenticate",
                                SSL_CIPHER_get_name(each)),
                    source_);
            }
        }
        return ok();
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
        if (role_ == tls_role::client) {
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
        if (role_ == tls_role::client) {
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
                                          &tls_callbacks::judge_ticket, nullptr) != 1) {
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
        detail::log(log_level::warning, "{}: the secrets of connections are written to {}", source_,
                    config_.key_log_file);
        SSL_CTX_set_keylog_callback(context(), &tls_callbacks::log_keys);
        return ok();
    }

    VoidResult set_identity(const tls_identity& identity) {
        if (identity.certificate_file.empty()) {
            return ok();
        }
        SSL_CTX_set_default_passwd_cb(context(), &tls_callbacks::give_password);
        SSL_CTX_set_default_passwd_cb_userdata(context(),
                                               const_cast<std::string*>(&identity.key_password));
        const bool has_chain =
            SSL_CTX_use_certificate_chain_file(context(), identity.certificate_file.c_str()) == 1;
        const bool has_key =
            has_chain && SSL_CTX_use_PrivateKey_file(context(), identity.key_file.c_str(),
                                                     SSL_FILETYPE_PEM) == 1;
        SSL_CTX_set_default_passwd_cb_userdata(context(), nullptr);
        if (!has_chain) {
            return cannot_load("certificate", identity.certificate_file, source_);
        }
        if (!has_key || SSL_CTX_check_private_key(context()) != 1) {
            return cannot_load("key", identity.key_file, source_);
        }
        if (identity.ocsp_response_file.empty()) {
            return ok();
        }
        std::ifstream file(identity.ocsp_response_file, std::ios::binary);
        state_->stapled.assign(std::istreambuf_iterator<char>(file), {});
        if (state_->stapled.empty()) {
            return cannot_load("OCSP response", identity.ocsp_response_file, source_);
        }
        (void)SSL_CTX_set_tlsext_status_cb(context(), &tls_callbacks::staple);
        return ok();
    }

    const tls_config& config_;
    const tls_role role_;
    const std::shared_ptr<const tls_trust> trust_;
    const std::shared_ptr<tls_ticket_keys> tickets_;
    const std::string source_;
    tls_context_ptr context_;
    tls_context_state* state_ = nullptr;
};

}  // namespace

bool verifies_chains(const tls_config& config, tls_role role) noexcept {
    return role == tls_role::client ? config.verify_peer
                                    : config.client_certificate_mode != client_certificates::none;
}

Result<tls_context_ptr> make_server_context(const tls_config& config,
                                            const std::shared_ptr<const tls_trust>& trust,
                                            const std::shared_ptr<tls_ticket_keys>& tickets,
                                            std::string_view source) {
    const auto build = [&](const tls_identity& identity) {
        return context_builder(config, tls_role::server, trust, tickets, source).build(identity);
    };
    auto made = build(config.identity);
    if (!made || config.identities_by_name.empty()) {
        return made;
    }
    SSL_CTX* const first = made.value().get();
    for (const tls_identity& each : config.identities_by_name) {
        auto more = build(each);
        if (!more) {
            return more;
        }
        state_of(first).by_name.push_back(std::move(more).value());
    }
    SSL_CTX_set_tlsext_servername_callback(first, &tls_callbacks::choose_identity);
    SSL_CTX_set_tlsext_servername_arg(first, &state_of(first));
    return made;
}

Result<tls_context_ptr> make_client_context(const tls_config& config,
                                            const std::shared_ptr<const tls_trust>& trust,
                                            std::string_view source) {
    return context_builder(config, tls_role::client, trust, nullptr, source).build(config.identity);
}

}  // namespace network_system::core
