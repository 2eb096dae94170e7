#pragma once

#include <network_system/internal/build_checks.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

/// Whether a server asks its clients for certificates.
enum class client_certificates : std::uint8_t {
    /// No (default).
    none,
    /// A client may send one; if it does, it must be valid.
    optional,
    /// Mutual TLS: a client without a valid certificate is refused.
    required,
};

/// Which authorities have to say that they have not revoked a certificate (a CRL, RFC 5280).
enum class crl_policy : std::uint8_t {
    /// Those of whom a CRL is given (default): without one nothing is looked up. A CRL that has
    /// expired, or whose signature is wrong, refuses what its authority has issued.
    if_present,
    /// All of the chain, its root included: without a valid CRL of each the peer is refused.
    require,
};

/// A certificate with its key, in PEM.
struct tls_identity {
    /// The certificate, followed by the intermediate ones up to the root.
    std::string certificate_file = {};
    std::string key_file = {};
    /// For an encrypted key. Never logged; empty = the key is not encrypted.
    std::string key_password = {};
    /// The certificate's status (an OCSP response in DER) to be stapled by a server. Read again by
    /// `reload_certificates`. Empty = none.
    std::string ocsp_response_file = {};
};

/// How a server or a client speaks TLS. What is empty is not used. The defaults are secure: a
/// configuration that would verify nothing by mistake is refused with `invalid_argument` at start.
struct tls_config {
    /// Servers: required. Clients: for servers that ask for a certificate.
    tls_identity identity = {};

    /// Servers only: further certificates. A client gets those that cover the name it asks for
    /// (SNI), one for each type of key (RSA, RSA-PSS, elliptic curve, Ed25519, Ed448): the first
    /// one here, or else `identity`. Of elliptic curves, it is the first one that the client can
    /// verify. A client that asks for no name, or for one that none covers, gets `identity`, or the
    /// first one here with another type of key that has all of its names and addresses. Empty =
    /// `identity` is for everybody (default). `invalid_argument`: one that no client could get,
    /// because one before it covers all its names with the same type of key (and curve).
    std::vector<tls_identity> identities_by_name = {};

    /// Whom to trust: a file or a directory (`openssl rehash`) of certificates in PEM, or the
    /// certificates themselves. All that are given are used, and all may hold CRLs too. A client
    /// without any trusts what the system trusts; a server has to name them when it asks for
    /// certificates. A PEM block that is neither a certificate nor a CRL is refused with
    /// `certificate_load_failed`. Of a directory, only files are read whose names are hashes
    /// ("1a2b3c4d.0", "1a2b3c4d.r0").
    std::string ca_file = {};
    std::string ca_path = {};
    std::string ca_pem = {};

    /// The certificates that authorities have revoked: CRLs in PEM, or one in DER. Comes on top of
    /// those in `ca_file`, `ca_path` and `ca_pem`; read again with them. Empty = none.
    std::string crl_file = {};
    /// `require` without any CRL is refused with `invalid_argument`.
    core::crl_policy crl_policy = core::crl_policy::if_present;

    /// Clients: whether the server's chain, validity and name are verified. Switching it off leaves
    /// a connection that anybody can read and change, and logs a warning; with
    /// `pinned_certificates` these alone decide.
    bool verify_peer = true;

    /// Servers only.
    client_certificates client_certificate_mode = client_certificates::none;

    /// Clients: the name to ask for and to verify, instead of the host given to `start_client`;
    /// needed for Unix domain sockets. A numeric address is verified against the certificate's IP
    /// addresses and not asked for. Brackets, a zone and a dot at the end are left out; what is no
    /// host is `invalid_argument`. Empty = the host (default).
    std::string server_name = {};

    /// SHA-256 of certificates (64 hexadecimal digits, colons allowed; see
    /// `certificate_info::fingerprint`). The peer's has to be one of them, besides being valid.
    std::vector<std::string> pinned_certificates = {};

    tls_version min_version = tls_version::tls_1_2;
    tls_version max_version = tls_version::tls_1_3;

    /// OpenSSL's cipher list for TLS 1.2 (see ciphers(1)), the preferred first. Empty = ephemeral
    /// key exchange and authenticated encryption only, in the order of `cipher_suites` (default).
    /// `invalid_argument`: ciphers that do not encrypt or authenticate; a word that OpenSSL does
    /// not know, also in an exclusion; one that names no cipher that could be used; an empty
    /// element; a list that leaves no cipher while TLS 1.2 is allowed. An exclusion of what this
    /// OpenSSL no longer has ("!RC4") is fine.
    std::string ciphers = {};
    /// Cipher suites for TLS 1.3, with OpenSSL's names and colons between them, the preferred
    /// first. Empty = AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305, those that this OpenSSL has
    /// (default). `invalid_argument`: a name that OpenSSL does not know or that is there twice, an
    /// empty element or a blank. The server's preference decides; but a client that prefers
    /// ChaCha20 gets it, for its machine has no instructions for AES.
    std::string cipher_suites = {};
    /// Groups for the key exchange (elliptic curves and others), with OpenSSL's names and colons
    /// between them, the preferred first. Empty = "X25519:P-256:X448:P-384:P-521", those of them
    /// that this OpenSSL and its provider have (default). `invalid_argument`: a name that OpenSSL
    /// does not know, that could not be used (it belongs to a version or a security level that is
    /// not allowed) or that is there twice, under another name too; an empty element or a blank; a
    /// list that leaves no group for a version that is allowed. With TLS 1.2 they are also the
    /// curves that the other side's certificate may have.
    std::string groups = {};

    /// Names of application protocols (ALPN), the preferred first, each 1 to 255 bytes and there
    /// once; at most 32 KiB together, with a byte more for each. A server refuses clients that
    /// offer only others.
    std::vector<std::string> application_protocols = {};

    /// Lets later connections resume the sessions of earlier ones. The clients of a process keep at
    /// most 2,048 sessions in memory, by configuration, host and port; a server keeps none: they
    /// are in encrypted tickets that the clients hold. A session never resumes into another
    /// configuration, under another server name, or after anything that decided about the peer has
    /// changed or expired: authorities, CRLs, pins, certificates.
    bool session_resumption = true;
    /// How long after its full handshake a session may be resumed, however often it was renewed in
    /// between (RFC 8446, section 4.6.1). 1 s to 7 days. Default 24 h. Certificates and CRLs that
    /// expire earlier end it earlier.
    std::chrono::seconds session_lifetime{std::chrono::hours{24}};

    /// A handshake that is not complete by then ends the connection with `connection_timeout`. At
    /// least 1 ms. Default 10 s. For a client, `connect_timeout` applies too.
    std::chrono::milliseconds handshake_timeout{10'000};

    /// Clients: asks for a stapled certificate status and hands it over as it came, unverified; see
    /// `tls_info::ocsp_response`.
    bool request_ocsp = false;
    /// Clients: asks for it and refuses servers (`certificate_verification_failed`) that staple
    /// none, or one that does not say "good" about their certificate, is not signed by its
    /// authority (or a responder that the authority has certified for it), or is out of date (RFC
    /// 6960, section 4).
    bool require_ocsp_staple = false;

    /// Debugging: secrets are appended to this file in the format of NSS, with which Wireshark can
    /// read the traffic; so can everybody else who gets the file. A warning is logged.
    std::string key_log_file = {};
};

}  // namespace network_system::core
