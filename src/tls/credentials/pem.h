#pragma once

#include "tls/ptr.h"

#include <network_system/utils/result_types.h>

#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// The certificates and CRLs of a text.
struct pem_contents {
    std::vector<openssl_ptr<X509, &X509_free>> certificates;
    std::vector<openssl_ptr<X509_CRL, &X509_CRL_free>> crls;
};

/// Every PEM block of the text has to be a certificate or a CRL; what stands between blocks is not
/// looked at. A CRL that could not be followed is refused: one of changes only, or one that some
/// other authority is to sign or that is for some reasons only. The error says what is wrong.
[[nodiscard]] Result<pem_contents> read_pem(std::string_view text, std::string_view source);
/// A CRL in DER.
[[nodiscard]] Result<pem_contents> read_der_crl(std::string_view bytes, std::string_view source);

}  // namespace network_system::core
