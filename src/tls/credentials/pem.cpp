#include "tls/credentials/pem.h"

#include "tls/errors.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <climits>
#include <cstddef>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

constexpr std::string_view block_begins = "-----BEGIN ";

void free_bytes(void* bytes) {
    OPENSSL_free(bytes);
}

error_info bad_text(std::string_view source, std::string what) {
    error_info info = detail::failure(errc::certificate_load_failed, what, source);
    info.details = std::move(what);
    return info;
}

/// OpenSSL takes a line that is not quite the begin of a block for text between blocks: a CRL
/// behind it would be passed over in silence.
std::size_t count_blocks(std::string_view text) {
    std::size_t count = 0;
    for (auto at = text.find(block_begins); at != std::string_view::npos;
         at = text.find(block_begins, at + block_begins.size())) {
        ++count;
    }
    return count;
}

/// What OpenSSL would pass over as if there were no CRL, empty where it follows it.
std::string_view what_is_not_followed(const X509_CRL* crl) {
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) {
        return "is a delta CRL; the complete one is needed";
    }
    if (X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) < 0) {
        return {};
    }
    const openssl_ptr<ISSUING_DIST_POINT, &ISSUING_DIST_POINT_free> scope(
        static_cast<ISSUING_DIST_POINT*>(
            X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, nullptr, nullptr)));
    if (!scope) {
        return "has an issuing distribution point that cannot be read";
    }
    if (scope->indirectCRL > 0) {
        return "is an indirect CRL; that of the authority itself is needed";
    }
    if (scope->onlysomereasons != nullptr) {
        return "is for some reasons only; the complete one is needed";
    }
    return {};
}

/// One block; what it holds is added to `all`.
VoidResult add_block(std::string_view kind, const unsigned char* bytes, long size,
                     pem_contents& all, std::string_view source) {
    const bool is_trusted = kind == PEM_STRING_X509_TRUSTED;
    if (is_trusted || kind == PEM_STRING_X509 || kind == PEM_STRING_X509_OLD) {
        openssl_ptr<X509, &X509_free> read(is_trusted ? d2i_X509_AUX(nullptr, &bytes, size)
                                                      : d2i_X509(nullptr, &bytes, size));
        if (!read) {
            return bad_text(source, fmt::format("certificate {} cannot be read: {}",
                                                all.certificates.size() + 1, take_error()));
        }
        all.certificates.push_back(std::move(read));
        return ok();
    }
    if (kind != PEM_STRING_X509_CRL) {
        return bad_text(source,
                        fmt::format("a block '{}' is neither a certificate nor a CRL", kind));
    }
    openssl_ptr<X509_CRL, &X509_CRL_free> crl(d2i_X509_CRL(nullptr, &bytes, size));
    if (!crl) {
        return bad_text(
            source, fmt::format("CRL {} cannot be read: {}", all.crls.size() + 1, take_error()));
    }
    if (const auto why = what_is_not_followed(crl.get()); !why.empty()) {
        return bad_text(source, fmt::format("CRL {} {}", all.crls.size() + 1, why));
    }
    all.crls.push_back(std::move(crl));
    return ok();
}

}  // namespace

Result<pem_contents> read_pem(std::string_view text, std::string_view source) {
    if (text.size() > INT_MAX) {
        return bad_text(source, "more than 2 GiB");
    }
    const openssl_ptr<BIO, &BIO_free> memory(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    pem_contents all;
    std::size_t blocks = 0;
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    while (memory && PEM_read_bio(memory.get(), &name, &header, &data, &size) == 1) {
        const openssl_ptr<char, &free_bytes> owned_name(name);
        const openssl_ptr<char, &free_bytes> owned_header(header);
        const openssl_ptr<unsigned char, &free_bytes> owned_data(data);
        if (auto added = add_block(name, data, size, all, source); added.is_err()) {
            return added.error();
        }
        ++blocks;
    }
    const bool reached_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string why = take_error();
    if (!reached_end) {
        return bad_text(source, fmt::format("PEM block {} cannot be read: {}", blocks + 1, why));
    }
    if (blocks != count_blocks(text)) {
        return bad_text(source, fmt::format("only {} of {} PEM blocks can be read", blocks,
                                            count_blocks(text)));
    }
    return all;
}

Result<pem_contents> read_der_crl(std::string_view bytes, std::string_view source) {
    pem_contents all;
    if (bytes.size() > INT_MAX) {
        return bad_text(source, "more than 2 GiB");
    }
    return add_block(PEM_STRING_X509_CRL, reinterpret_cast<const unsigned char*>(bytes.data()),
                     static_cast<long>(bytes.size()), all, source)
        .map([&](const auto&) { return std::move(all); });
}

}  // namespace network_system::core
