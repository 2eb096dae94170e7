#include "tls/resumption/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

// What the callback answers.
constexpr int no_memory = -1;
constexpr int no_key = 0;
constexpr int key_found = 1;
constexpr int taken_and_renewed = 2;

template <std::size_t Size>
bool fill(std::array<unsigned char, Size>& with_random) {
    return RAND_bytes(with_random.data(), static_cast<int>(Size)) == 1;
}

template <std::size_t Size>
bool set_mac_key(EVP_MAC_CTX* mac, std::array<unsigned char, Size>& key) {
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 3> settings{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, settings.data()) == 1;
}

}  // namespace

tls_ticket_keys::~tls_ticket_keys() {
    OPENSSL_cleanse(&current_, sizeof current_);
    OPENSSL_cleanse(&former_, sizeof former_);
}

bool tls_ticket_keys::rotate(runtime::steady_time now) {
    if (current_.exists && now - current_.made < rotation) {
        return true;
    }
    key next;
    if (!fill(next.name) || !fill(next.cipher) || !fill(next.mac)) {
        return false;
    }
    next.made = now;
    next.exists = true;
    // One that nobody has asked for in time is not of use to anybody any more.
    if (current_.exists && now - current_.made < 2 * rotation) {
        former_ = current_;
    } else {
        OPENSSL_cleanse(&former_, sizeof former_);
        former_.exists = false;
    }
    current_ = next;
    OPENSSL_cleanse(&next, sizeof next);
    return true;
}

int tls_ticket_keys::protect(unsigned char* name, unsigned char* vector, EVP_CIPHER_CTX* cipher,
                             EVP_MAC_CTX* mac, runtime::steady_time now) {
    const std::lock_guard lock(mutex_);
    if (!cipher_ || !rotate(now) ||
        RAND_bytes(vector, EVP_CIPHER_get_iv_length(cipher_.get())) != 1 ||
        EVP_EncryptInit_ex2(cipher, cipher_.get(), current_.cipher.data(), vector, nullptr) != 1 ||
        !set_mac_key(mac, current_.mac)) {
        return no_memory;
    }
    std::copy(current_.name.begin(), current_.name.end(), name);
    return key_found;
}

int tls_ticket_keys::open(const unsigned char* name, const unsigned char* vector,
                          EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, runtime::steady_time now) {
    const std::lock_guard lock(mutex_);
    if (!cipher_ || !rotate(now)) {
        return no_memory;
    }
    const auto is_named = [name](const key& each) {
        return each.exists && std::equal(each.name.begin(), each.name.end(), name);
    };
    const bool is_current = is_named(current_);
    if (!is_current && !is_named(former_)) {
        return no_key;
    }
    key& found = is_current ? current_ : former_;
    if (now - found.made >= 2 * rotation) {
        return no_key;
    }
    if (EVP_DecryptInit_ex2(cipher, cipher_.get(), found.cipher.data(), vector, nullptr) != 1 ||
        !set_mac_key(mac, found.mac)) {
        return no_memory;
    }
    return is_current ? key_found : taken_and_renewed;
}

}  // namespace network_system::core
