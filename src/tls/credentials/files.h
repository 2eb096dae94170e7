#pragma once

#include <network_system/utils/result_types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// SHA-256, as 32 bytes; the bytes themselves where OpenSSL cannot make one, so that what differs
/// differs always.
[[nodiscard]] std::string sha256_of(std::string_view bytes);

/// What the file holds. `what` names it in errors ("CA file"). Error: `certificate_load_failed`.
[[nodiscard]] Result<std::string> read_tls_file(std::string_view what, const std::string& path,
                                                std::string_view source);

/// SHA-256 of what the file holds. A file is read again only if it may have changed since: when its
/// device, inode, size or times differ, or when it was changed so shortly before `now`, the date of
/// the file system, that another change could have the same time. Errors as those of read_tls_file.
///
/// Thread-safety: any thread.
[[nodiscard]] Result<std::string> digest_of_tls_file(
    std::string_view what, const std::string& path, std::string_view source,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

/// Whether there is no such file, or a link to none.
[[nodiscard]] bool is_tls_file_gone(const std::string& path);

/// The files of a directory that `openssl rehash` has named, sorted. What is named otherwise is
/// left alone.
struct hashed_file {
    std::string path;
    /// The hash of the name: of the subject, or of a CRL's issuer.
    std::string hash;
    bool is_crl = false;
};
[[nodiscard]] Result<std::vector<hashed_file>> hashed_files_in(const std::string& directory,
                                                               std::string_view source);

}  // namespace network_system::core
