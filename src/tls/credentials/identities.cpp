#include "tls/credentials/identities.h"

#include "tls/callbacks.h"
#include "tls/ciphers.h"
#include "tls/credentials/files.h"
#include "tls/errors.h"
#include "tls/failure.h"
#include "utils/ascii.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

/// The names and addresses that clients look for in a certificate; its subject where it has none.
std::vector<std::string> names_in(X509* certificate) {
    certificate_info info = transport::describe_certificate(certificate);
    std::vector<std::string>& names = info.subject_alternative_names;
    std::erase_if(names, [](const std::string& each) {
        return !each.starts_with("DNS:") && !each.starts_with("IP:");
    });
    for (std::string& each : names) {
        std::transform(each.begin() + 3, each.end(), each.begin() + 3, &detail::to_lower);
    }
    if (names.empty()) {
        names.push_back(std::move(info.subject));
    }
    return std::move(names);
}

bool has_all_names(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& each) {
        return std::find(names.begin(), names.end(), each) != names.end();
    });
}

bool covers(const loaded_identity& identity, const char* host) {
    return X509_check_host(identity.certificate.get(), host, 0, 0, nullptr) == 1;
}

/// The curve of a key on an elliptic curve, or its type.
int curve_or_type_of(const EVP_PKEY* key) {
    std::array<char, 64> name{};
    const bool has_curve = EVP_PKEY_get_id(key) == EVP_PKEY_EC &&
                           EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) == 1;
    return has_curve ? OBJ_txt2nid(name.data()) : EVP_PKEY_get_id(key);
}

/// Whether the client of TLS 1.3 has named the signature algorithm that belongs to a curve.
bool names_signature_of(SSL* ssl, int curve) {
    constexpr int ecdsa = 3;
    int hash = 0;
    switch (curve) {
        case NID_X9_62_prime256v1: hash = 4; break;
        case NID_secp384r1: hash = 5; break;
        case NID_secp521r1: hash = 6; break;
        default: return false;
    }
    const int count = SSL_get_sigalgs(ssl, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
    for (int i = 0; i < count; ++i) {
        unsigned char of_signature = 0;
        unsigned char of_hash = 0;
        (void)SSL_get_sigalgs(ssl, i, nullptr, nullptr, nullptr, &of_signature, &of_hash);
        if (of_signature == ecdsa && of_hash == hash) {
            return true;
        }
    }
    return false;
}

/// Whether a client can verify signatures by a key on this curve.
bool accepts_curve(SSL* ssl, const EVP_PKEY* key) {
    const int curve = curve_or_type_of(key);
    if (SSL_version(ssl) == TLS1_3_VERSION) {
        return names_signature_of(ssl, curve);
    }
    const long count = SSL_get1_groups(ssl, nullptr);
    if (count <= 0) {
        return true;  // it has not said
    }
    std::vector<int> groups(static_cast<std::size_t>(count));
    (void)SSL_get1_groups(ssl, groups.data());
    return std::find(groups.begin(), groups.end(), curve) != groups.end();
}

/// Of each type of key the first one, as OpenSSL holds one of each. Keys on elliptic curves are one
/// type to it, but not to clients: where the first does not suit the client, another one may.
std::vector<const loaded_identity*> one_of_each_type(
    SSL* ssl, const std::vector<const loaded_identity*>& all) {
    std::vector<const loaded_identity*> chosen;
    for (const loaded_identity* each : all) {
        const int type = EVP_PKEY_get_id(each->key.get());
        const auto same = std::find_if(chosen.begin(), chosen.end(), [type](const auto* other) {
            return EVP_PKEY_get_id(other->key.get()) == type;
        });
        if (same == chosen.end()) {
            chosen.push_back(each);
        } else if (type == EVP_PKEY_EC && ssl != nullptr &&
                   !accepts_curve(ssl, (*same)->key.get()) && accepts_curve(ssl, each->key.get())) {
            *same = each;
        }
    }
    return chosen;
}

Result<std::vector<unsigned char>> read_status(const std::string& path, std::string_view source) {
    constexpr const char* what = "OCSP response";
    const auto bytes = read_tls_file(what, path, source);
    if (!bytes) {
        return bytes.error();
    }
    if (bytes.value().empty()) {
        return cannot_load(what, path, "is empty", source);
    }
    return std::vector<unsigned char>(bytes.value().begin(), bytes.value().end());
}

/// A context that only reads files, with the same idea of weak keys.
std::shared_ptr<SSL_CTX> reading_context(const SSL_CTX* like, const std::string& password) {
    std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
    if (made) {
        SSL_CTX_set_security_level(made.get(), SSL_CTX_get_security_level(like));
        SSL_CTX_set_default_passwd_cb(made.get(), &tls_callbacks::give_password);
        SSL_CTX_set_default_passwd_cb_userdata(made.get(), const_cast<std::string*>(&password));
    }
    return made;
}

}  // namespace

Result<loaded_identity> load_identity(const tls_identity& identity, const SSL_CTX* context,
                                      std::string_view source) {
    const auto reading = reading_context(context, identity.key_password);
    SSL_CTX* const files = reading.get();
    if (files == nullptr ||
        SSL_CTX_use_certificate_chain_file(files, identity.certificate_file.c_str()) != 1) {
        return cannot_load("certificate", identity.certificate_file, source);
    }
    if (SSL_CTX_use_PrivateKey_file(files, identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(files) != 1) {
        return cannot_load("key", identity.key_file, source);
    }
    SSL_CTX_set_default_passwd_cb_userdata(files, nullptr);
    // They live in the context that has read them.
    loaded_identity loaded;
    loaded.certificate = {reading, SSL_CTX_get0_certificate(files)};
    loaded.key = {reading, SSL_CTX_get0_privatekey(files)};
    STACK_OF(X509)* chain = nullptr;
    (void)SSL_CTX_get0_chain_certs(files, &chain);
    loaded.chain = {reading, chain};
    loaded.file = identity.certificate_file;
    if (!identity.ocsp_response_file.empty()) {
        auto status = read_status(identity.ocsp_response_file, source);
        if (!status) {
            return status.error();
        }
        loaded.stapled = std::move(status).value();
    }
    return loaded;
}

Result<served_identities> served_identities::load(const tls_config& config, SSL_CTX* context,
                                                  std::string_view source) {
    std::vector<tls_identity> wanted = config.identities_by_name;
    wanted.push_back(config.identity);
    served_identities served;
    std::vector<const EVP_PKEY*> keys;
    for (const tls_identity& each : wanted) {
        auto loaded = load_identity(each, context, source);
        if (!loaded) {
            return loaded.error();
        }
        served.names_.push_back(names_in(loaded.value().certificate.get()));
        keys.push_back(loaded.value().key.get());
        served.all_.push_back(std::move(loaded).value());
    }
    if (auto checked = served.check(source); checked.is_err()) {
        return checked.error();
    }
    if (!has_cipher_for(context, keys)) {
        return detail::failure(errc::invalid_argument,
                               "tls_config: ciphers: none fits the key of a certificate, and TLS "
                               "1.2 is allowed",
                               source);
    }
    return served;
}

bool served_identities::hides(std::size_t first, std::size_t second) const {
    if (curve_or_type_of(all_[first].key.get()) != curve_or_type_of(all_[second].key.get())) {
        return false;
    }
    return std::all_of(names_[second].begin(), names_[second].end(), [&](const std::string& name) {
        return has_all_names(names_[first], {name}) ||
               (name.starts_with("DNS:") && covers(all_[first], name.c_str() + 4));
    });
}

VoidResult served_identities::check(std::string_view source) const {
    for (std::size_t second = 0; second + 1 < all_.size(); ++second) {
        for (std::size_t first = 0; first < second; ++first) {
            if (hides(first, second)) {
                return detail::failure(
                    errc::invalid_argument,
                    fmt::format("tls_config: identities_by_name: '{}' would never be served: "
                                "'{}' before it covers its names with the same type of key",
                                all_[second].file, all_[first].file),
                    source);
            }
        }
    }
    return ok();
}

served_identities::choice served_identities::covering(const char* name) const {
    choice found;
    for (const loaded_identity& each : all_) {
        if (covers(each, name)) {
            found.push_back(&each);
        }
    }
    return found;
}

served_identities::choice served_identities::for_any_name() const {
    choice found{&all_.back()};
    for (std::size_t i = 0; i + 1 < all_.size(); ++i) {
        if (has_all_names(names_[i], names_.back())) {
            found.push_back(&all_[i]);
        }
    }
    return found;
}

bool served_identities::offer_default(SSL_CTX* context) const {
    const choice chosen = one_of_each_type(nullptr, for_any_name());
    return std::all_of(chosen.begin(), chosen.end(), [context](const loaded_identity* each) {
        return SSL_CTX_use_cert_and_key(context, each->certificate.get(), each->key.get(),
                                        each->chain.get(), 1) == 1;
    });
}

bool served_identities::offer(SSL* ssl) const {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    choice found = name != nullptr ? covering(name) : choice();
    if (found.empty()) {
        found = for_any_name();
    }
    const choice chosen = one_of_each_type(ssl, found);
    SSL_certs_clear(ssl);
    return std::all_of(chosen.begin(), chosen.end(), [ssl](const loaded_identity* each) {
        return SSL_use_cert_and_key(ssl, each->certificate.get(), each->key.get(),
                                    each->chain.get(), 1) == 1;
    });
}

bool served_identities::has_status() const noexcept {
    return std::any_of(all_.begin(), all_.end(),
                       [](const loaded_identity& each) { return !each.stapled.empty(); });
}

const std::vector<unsigned char>* served_identities::status_of(const X509* certificate) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [certificate](const auto& each) {
        return each.certificate.get() == certificate;
    });
    return found != all_.end() && !found->stapled.empty() ? &found->stapled : nullptr;
}

}  // namespace network_system::core
