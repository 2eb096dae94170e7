#include "tls/ciphers.h"

#include "tls/credentials/lists.h"
#include "tls/errors.h"
#include "tls/ptr.h"
#include "utils/contain.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

// AES-128 first: no attack makes the key the weakest part (X25519 and P-256 are as strong), and
// both records and handshakes cost less, for its hash is SHA-256.
constexpr const char* default_ciphers = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* default_suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* default_groups = "X25519:P-256:X448:P-384:P-521";

using context_owner = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using ssl_owner = std::unique_ptr<SSL, decltype(&SSL_free)>;

bool is_of_tls_1_3(const SSL_CIPHER* cipher) noexcept {
    return std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
}

/// The ciphers that a connection with this context could use.
std::vector<const SSL_CIPHER*> usable_ciphers(SSL_CTX* context) {
    std::vector<const SSL_CIPHER*> usable;
    const ssl_owner ssl(SSL_new(context), &SSL_free);
    const openssl_ptr<STACK_OF(SSL_CIPHER),
                      [](STACK_OF(SSL_CIPHER) * gone) { sk_SSL_CIPHER_free(gone); }>
        all(ssl ? SSL_get1_supported_ciphers(ssl.get()) : nullptr);
    usable.reserve(static_cast<std::size_t>(std::max(0, sk_SSL_CIPHER_num(all.get()))));
    for (int i = 0; i < sk_SSL_CIPHER_num(all.get()); ++i) {
        usable.push_back(sk_SSL_CIPHER_value(all.get(), i));
    }
    ERR_clear_error();
    return usable;
}

struct group_offer {
    std::vector<unsigned> groups;
    // Nothing may be thrown through OpenSSL.
    bool lacks_memory = false;
};

/// Reads the groups that a client offers. The handshake ends with it.
int take_groups(SSL* ssl, int*, void* into) noexcept {
    auto& offer = *static_cast<group_offer*>(into);
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_groups, &data, &size) == 1) {
        offer.lacks_memory = !detail::attempt([&] {
            for (std::size_t i = 2; i + 1 < size; i += 2) {  // behind their length
                offer.groups.push_back(static_cast<unsigned>(data[i]) << 8U | data[i + 1]);
            }
        });
    }
    return SSL_CLIENT_HELLO_ERROR;
}

/// A context on which names are tried, one at a time.
class probe {
public:
    void set_security_level(int level) noexcept {
        if (context_) {
            SSL_CTX_set_security_level(context_.get(), level);
            // A name is right or wrong whatever openssl.cnf switches off.
            SSL_CTX_clear_options(context_.get(), SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
        }
    }
    [[nodiscard]] bool has(tls_version version) {
        const bool has_it = set_version(version);
        ERR_clear_error();
        return has_it;
    }
    [[nodiscard]] cipher_match cipher(const std::string& words) {
        // The colon keeps OpenSSL from taking "DEFAULTS" for "DEFAULT".
        const std::string list = opens_cipher_list(words) ? words : ':' + words;
        const bool names_any = SSL_CTX_set_cipher_list(context_.get(), list.c_str()) == 1;
        ERR_clear_error();
        if (!names_any) {
            return cipher_match::none;
        }
        const bool is_usable =
            set_version(tls_version::tls_1_2) && !usable_ciphers(context_.get()).empty();
        return is_usable ? cipher_match::usable : cipher_match::unusable;
    }
    [[nodiscard]] std::string check_cipher(const std::string& words) {
        return cipher(words) != cipher_match::none ? "" : "names no cipher";
    }
    [[nodiscard]] std::string check_suite(const std::string& name) {
        const bool is_accepted = SSL_CTX_set_ciphersuites(context_.get(), name.c_str()) == 1;
        ERR_clear_error();
        const STACK_OF(SSL_CIPHER)* const all = SSL_CTX_get_ciphers(context_.get());
        for (int i = 0; is_accepted && i < sk_SSL_CIPHER_num(all); ++i) {
            if (is_of_tls_1_3(sk_SSL_CIPHER_value(all, i))) {
                return {};
            }
        }
        return cipher(name) == cipher_match::none ? "is unknown to this OpenSSL"
                                                  : "is not a suite of TLS 1.3: see ciphers";
    }
    [[nodiscard]] bool knows_group(const std::string& name) {
        const bool is_known = SSL_CTX_set1_groups_list(context_.get(), name.c_str()) == 1;
        ERR_clear_error();
        return is_known;
    }
    /// The numbers of the groups of a list that a client with these ciphers (empty = any) offers.
    [[nodiscard]] std::vector<unsigned> offered_groups(const std::string& list,
                                                       const std::string& ciphers,
                                                       tls_version version);

private:
    bool set_version(tls_version version) {
        const int number = version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        // A maximum of 0 is none: the minimum must not be above the last one's maximum.
        return context_ && SSL_CTX_set_max_proto_version(context_.get(), 0) == 1 &&
               SSL_CTX_set_min_proto_version(context_.get(), number) == 1 &&
               SSL_CTX_set_max_proto_version(context_.get(), number) == 1;
    }

    const context_owner context_{SSL_CTX_new(TLS_method()), &SSL_CTX_free};
};

std::vector<unsigned> probe::offered_groups(const std::string& list, const std::string& ciphers,
                                            tls_version version) {
    group_offer offer;
    const context_owner reading(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    if (!reading || !set_version(version) || !knows_group(list) ||
        SSL_CTX_set_cipher_list(context_.get(), ciphers.c_str()) != 1) {
        ERR_clear_error();
        return offer.groups;
    }
    SSL_CTX_set_client_hello_cb(reading.get(), &take_groups, &offer);
    const ssl_owner client(SSL_new(context_.get()), &SSL_free);
    const ssl_owner server(SSL_new(reading.get()), &SSL_free);
    BIO* const hello = BIO_new(BIO_s_mem());
    if (client && server && hello != nullptr && BIO_up_ref(hello) == 1) {
        SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), hello);
        SSL_set_bio(server.get(), hello, BIO_new(BIO_s_mem()));
        SSL_set_connect_state(client.get());
        SSL_set_accept_state(server.get());
        (void)SSL_do_handshake(client.get());
        (void)SSL_do_handshake(server.get());
    }
    ERR_clear_error();
    if (offer.lacks_memory) {
        throw std::bad_alloc();
    }
    return offer.groups;
}

/// Sets the three lists of one context.
class cipher_settings {
public:
    cipher_settings(SSL_CTX* context, const tls_config& config, std::string_view source)
        : context_(context), config_(config), source_(source) {}

    VoidResult apply() {
        for (const auto step : {&cipher_settings::set_cipher_list, &cipher_settings::set_suites,
                                &cipher_settings::check_authentication,
                                &cipher_settings::check_versions, &cipher_settings::set_groups}) {
            if (auto result = (this->*step)(); result.is_err()) {
                return result;
            }
        }
        return ok();
    }

private:
    using setter = int (*)(SSL_CTX*, const char*);

    VoidResult wrong(std::string_view option, std::string_view what) const {
        return detail::failure(errc::invalid_argument,
                               fmt::format("tls_config: {}: {}", option, what), source_);
    }
    /// With the security level that the cipher list has set so far. Made when it is needed, for the
    /// defaults do not need it.
    probe& tried() {
        if (!probe_) {
            probe_.emplace();
        }
        probe_->set_security_level(SSL_CTX_get_security_level(context_));
        return *probe_;
    }

    VoidResult set(std::string_view option, setter set_list, const std::string& list) {
        if (set_list(context_, list.c_str()) == 1) {
            return ok();
        }
        return wrong(option, take_error());
    }
    /// The whole list in nearly every OpenSSL, and otherwise what there is of it.
    VoidResult set_default(std::string_view option, setter set_list, const char* list,
                           const name_check& check) {
        if (set_list(context_, list) == 1) {
            return ok();
        }
        ERR_clear_error();
        const std::string known = known_part(list, check);
        return known.empty() ? wrong(option, "this OpenSSL has none of the default ones")
                             : set(option, set_list, known);
    }

    VoidResult set_cipher_list() {
        if (config_.ciphers.empty()) {
            ciphers_ = default_ciphers;
            return set_default(
                "ciphers", &SSL_CTX_set_cipher_list, default_ciphers,
                [this](const std::string& words) { return tried().check_cipher(words); });
        }
        const cipher_list list = parse_cipher_list(config_.ciphers);
        if (!list.wrong.empty()) {
            return wrong("ciphers", list.wrong);
        }
        ciphers_ = list.text();
        // First, because the list may set the security level.
        auto is_set = set("ciphers", &SSL_CTX_set_cipher_list, ciphers_);
        const std::string found = wrong_in_ciphers(
            list, [this](const std::string& words) { return tried().cipher(words); });
        return found.empty() ? is_set : wrong("ciphers", found);
    }

    VoidResult set_suites() {
        const name_check check = [this](const std::string& name) {
            return tried().check_suite(name);
        };
        if (config_.cipher_suites.empty()) {
            return set_default("cipher_suites", &SSL_CTX_set_ciphersuites, default_suites, check);
        }
        const std::string found = wrong_in_names(config_.cipher_suites, check);
        return found.empty()
                   ? set("cipher_suites", &SSL_CTX_set_ciphersuites, config_.cipher_suites)
                   : wrong("cipher_suites", found);
    }

    VoidResult check_authentication() {
        const STACK_OF(SSL_CIPHER)* const all = SSL_CTX_get_ciphers(context_);
        for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) {
            const SSL_CIPHER* const each = sk_SSL_CIPHER_value(all, i);
            if (SSL_CIPHER_get_cipher_nid(each) == NID_undef ||
                SSL_CIPHER_get_auth_nid(each) == NID_auth_null) {
                return wrong("ciphers", fmt::format("{} does not encrypt or authenticate",
                                                    SSL_CIPHER_get_name(each)));
            }
        }
        return ok();
    }

    /// A version that is allowed and has no cipher would fail in every handshake.
    VoidResult check_versions() {
        const std::vector<const SSL_CIPHER*> usable = usable_ciphers(context_);
        const auto has_any = [&usable](bool wants_1_3) {
            return std::any_of(usable.begin(), usable.end(), [wants_1_3](const SSL_CIPHER* each) {
                return is_of_tls_1_3(each) == wants_1_3;
            });
        };
        if (!has_any(false) && allows(tls_version::tls_1_2)) {
            return wrong("ciphers", "none is left for TLS 1.2, which min_version allows");
        }
        if (!has_any(true) && allows(tls_version::tls_1_3)) {
            return wrong("cipher_suites", "none is left for TLS 1.3, which max_version allows");
        }
        if (usable.empty()) {
            return wrong("min_version", "this OpenSSL, or openssl.cnf, has none of the versions");
        }
        needs_group_in_1_2_ = std::all_of(usable.begin(), usable.end(), [](const SSL_CIPHER* each) {
            return is_of_tls_1_3(each) || SSL_CIPHER_get_kx_nid(each) == NID_kx_ecdhe;
        });
        return ok();
    }
    /// What openssl.cnf switches off is not allowed either.
    [[nodiscard]] bool allows(tls_version version) {
        const std::uint64_t off =
            version == tls_version::tls_1_2 ? SSL_OP_NO_TLSv1_2 : SSL_OP_NO_TLSv1_3;
        return config_.min_version <= version && version <= config_.max_version &&
               (SSL_CTX_get_options(context_) & off) == 0 && tried().has(version);
    }

    VoidResult set_groups() {
        const setter set_list = [](SSL_CTX* context, const char* list) {
            return static_cast<int>(SSL_CTX_set1_groups_list(context, list));
        };
        if (config_.groups.empty()) {
            return set_default("groups", set_list, default_groups, [this](const std::string& name) {
                return tried().knows_group(name) ? "" : "is unknown";
            });
        }
        std::map<unsigned, std::string> seen;
        const std::string found = wrong_in_names(
            config_.groups, [&](const std::string& name) { return check_group(name, seen); });
        if (!found.empty()) {
            return wrong("groups", found);
        }
        for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
            const bool needs_one = version == tls_version::tls_1_3 || needs_group_in_1_2_;
            if (needs_one && allows(version) &&
                tried().offered_groups(config_.groups, ciphers_, version).empty()) {
                return wrong("groups", fmt::format("none is left for TLS 1.{}, which is allowed",
                                                   version == tls_version::tls_1_2 ? 2 : 3));
            }
        }
        return set("groups", set_list, config_.groups);
    }
    std::string check_group(const std::string& name, std::map<unsigned, std::string>& seen) {
        if (!tried().knows_group(name)) {
            return "is unknown to this OpenSSL";
        }
        std::vector<unsigned> numbers;
        for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
            if (allows(version) && numbers.empty()) {
                numbers = tried().offered_groups(name, ciphers_, version);
            }
        }
        if (numbers.size() != 1) {
            return "cannot be used with these versions, ciphers and security level";
        }
        const auto [place, is_new] = seen.emplace(numbers.front(), name);
        return is_new ? std::string() : fmt::format("is another name of '{}'", place->second);
    }

    SSL_CTX* const context_;
    const tls_config& config_;
    const std::string_view source_;
    std::optional<probe> probe_;
    std::string ciphers_;
    bool needs_group_in_1_2_ = true;
};

}  // namespace

VoidResult set_ciphers(SSL_CTX* context, const tls_config& config, bool is_server,
                       std::string_view source) {
    if (is_server) {
        // Without parameters of its own a server could never use the DHE ciphers of a list.
        (void)SSL_CTX_set_dh_auto(context, 1);
    }
    return cipher_settings(context, config, source).apply();
}

bool has_cipher_for(SSL_CTX* context, const std::vector<const EVP_PKEY*>& keys) {
    std::vector<const SSL_CIPHER*> usable = usable_ciphers(context);
    std::erase_if(usable, &is_of_tls_1_3);
    const auto has_cipher = [&usable](const EVP_PKEY* key) {
        const int type = EVP_PKEY_get_id(key);
        const int wanted =
            type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS ? NID_auth_rsa : NID_auth_ecdsa;
        return std::any_of(usable.begin(), usable.end(), [wanted](const SSL_CIPHER* each) {
            return SSL_CIPHER_get_auth_nid(each) == wanted;
        });
    };
    return usable.empty() || std::any_of(keys.begin(), keys.end(), has_cipher);
}

}  // namespace network_system::core
