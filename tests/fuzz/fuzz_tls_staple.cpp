// Whatever a server staples, a client that requires a certificate status neither crashes nor takes
// it for "good", except for the one response that its authority has signed.
//
// Input: the response.
#include <network_system/config.h>

#include <cstddef>
#include <cstdint>

#if NETWORK_SYSTEM_WITH_TLS

#include "support/require.h"
#include "support/tls_authority.h"
#include "tls/credentials/ocsp.h"
#include "tls/ptr.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <chrono>
#include <string>

namespace {

using namespace network_system;
using namespace network_system::testing;
using x509 = core::openssl_ptr<X509, &X509_free>;

x509 parsed(const std::string& pem) {
    const core::openssl_ptr<BIO, &BIO_free> memory(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return x509(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const issued_certificate leaf({}, &test_authority::shared().intermediate());
    static const x509 certificate = parsed(leaf.pem());
    static const x509 issuer = parsed(test_authority::shared().intermediate().pem());
    const auto now = std::chrono::system_clock::now();
    // Keys are made anew by each run: no input can be signed with them.
    const auto verdict = core::verify_staple({data, size}, certificate.get(), issuer.get(), now);
    require(!verdict.refusal.empty(), "what nobody has signed is not good");
    return 0;
}

#else

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) {
    return 0;
}

#endif
