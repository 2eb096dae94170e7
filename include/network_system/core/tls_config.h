#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace network_system::core {

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

/// A certificate with its key, in PEM.
struct tls_identity {
    /// The certificate, followed by the intermediate ones up to the root.
    std::string certificate_file;
    std::string key_file;
    /// For an encrypted key. Never logged; empty = the key is not encrypted.
    std::string key_password;
    /// The certificate's status (an OCSP response in DER) to be stapled by a server. Read again by
    /// `reload_certificates`. Empty = none.
    std::string ocsp_response_file;
};

/// How a server or a client speaks TLS. What is empty is not used. The defaults are secure: a
/// configuration that would verify nothing by mistake is refused with `invalid_argument` at start.
struct tls_config {
    /// Servers: required. Clients: for servers that ask for a certificate.
    tls_identity identity;

    /// Servers only: further certificates. A client gets the first one that covers the name it asks
    /// for (SNI), or else `identity`.
    std::vector<tls_identity> identities_by_name;

    /// Whom to trust: a file or a directory (`openssl rehash`) of certificates in PEM, or the
    /// certificates themselves. All that are given are used. A client without any trusts what the
    /// system trusts; a server has to name them when it asks for certificates.
    std::string ca_file;
    std::string ca_path;
    std::string ca_pem;

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
    std::string server_name;

    /// SHA-256 of certificates (64 hexadecimal digits, colons allowed; see
    /// `certificate_info::fingerprint`). The peer's has to be one of them, besides being valid.
    std::vector<std::string> pinned_certificates;

    tls_version min_version = tls_version::tls_1_2;
    tls_version max_version = tls_version::tls_1_3;

    /// OpenSSL's cipher list for TLS 1.2, the preferred first. Empty = ephemeral key exchange and
    /// authenticated encryption only, in the order of `cipher_suites` (default). Ciphers that do
    /// not encrypt or authenticate are refused.
    std::string ciphers;
    /// OpenSSL's list of cipher suites for TLS 1.3, the preferred first. Empty = AES-128-GCM,
    /// AES-256-GCM, ChaCha20-Poly1305 (default). The server's preference decides; but a client that
    /// prefers ChaCha20 gets it, for its machine has no instructions for AES.
    std::string cipher_suites;

    /// Names of application protocols (ALPN), the preferred first, each 1 to 255 bytes. A server
    /// refuses clients that offer only others.
    std::vector<std::string> application_protocols;

    /// Lets later connections resume the sessions of earlier ones. A client keeps at most 1,024
    /// sessions in memory, by configuration and server; a server keeps none: they are in encrypted
    /// tickets that the clients hold. A session never resumes into another configuration.
    bool session_resumption = true;

    /// A handshake that is not complete by then ends the connection with `connection_timeout`. At
    /// least 1 ms. Default 10 s. For a client, `connect_timeout` applies too.
    std::chrono::milliseconds handshake_timeout{10'000};

    /// Clients: asks for a stapled certificate status; see `tls_info::ocsp_response`.
    bool request_ocsp = false;

    /// Debugging: secrets are appended to this file in the format of NSS, with which Wireshark can
    /// read the traffic; so can everybody else who gets the file. A warning is logged.
    std::string key_log_file;
};

}  // namespace network_system::core
