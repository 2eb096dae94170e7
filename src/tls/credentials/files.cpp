#include "tls/credentials/files.h"

#include "tls/errors.h"
#include "utils/ascii.h"
#include "utils/process.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>

#ifndef _WIN32
#include <sys/stat.h>
#endif

namespace network_system::inline v0_1::core {
namespace {

// More than the authorities of all systems together: whoever names a device gets an error.
constexpr std::size_t max_file_size = std::size_t{64} << 20U;

std::string reason_of(int error) {
    return std::error_code(error, std::generic_category()).message();
}

/// What a file looks like from outside: equal looks, equal contents.
struct file_look {
    std::int64_t device = 0;
    std::int64_t inode = 0;
    std::int64_t size = 0;
    // Seconds and nanoseconds.
    std::array<std::int64_t, 2> modified{};
    std::array<std::int64_t, 2> changed{};

    friend bool operator==(const file_look&, const file_look&) noexcept = default;
    /// Whether a later change would be seen: not within the grain of the file system's clock.
    [[nodiscard]] bool is_settled_at(std::chrono::system_clock::time_point now) const noexcept {
        constexpr std::int64_t grain = 2;
        return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() -
                   changed.front() >
               grain;
    }
};

#ifdef _WIN32

std::optional<file_look> look_at(const std::string&) {
    return std::nullopt;
}

#else

#ifdef __APPLE__
const timespec& change_of(const struct stat& of) noexcept {
    return of.st_ctimespec;
}
const timespec& modification_of(const struct stat& of) noexcept {
    return of.st_mtimespec;
}
#else
const timespec& change_of(const struct stat& of) noexcept {
    return of.st_ctim;
}
const timespec& modification_of(const struct stat& of) noexcept {
    return of.st_mtim;
}
#endif

std::optional<file_look> look_at(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        return std::nullopt;
    }
    const timespec& changed = change_of(found);
    const timespec& modified = modification_of(found);
    return file_look{static_cast<std::int64_t>(found.st_dev),
                     static_cast<std::int64_t>(found.st_ino),
                     static_cast<std::int64_t>(found.st_size),
                     {modified.tv_sec, modified.tv_nsec},
                     {changed.tv_sec, changed.tv_nsec}};
}

#endif

/// The digests of the files that were read, with what these looked like then.
class known_digests {
public:
    [[nodiscard]] std::optional<std::string> find(const std::string& path, const file_look& look) {
        const std::lock_guard lock(mutex_);
        const auto found = by_path_.find(path);
        if (found == by_path_.end() || found->second.look != look) {
            return std::nullopt;
        }
        return found->second.digest;
    }
    void keep(const std::string& path, const file_look& look, const std::string& digest) {
        const std::lock_guard lock(mutex_);
        if (by_path_.size() >= capacity) {
            by_path_.clear();
        }
        by_path_.insert_or_assign(path, known{look, digest});
    }

private:
    struct known {
        file_look look;
        std::string digest;
    };
    static constexpr std::size_t capacity = 8192;

    std::mutex mutex_;
    std::unordered_map<std::string, known> by_path_;
};

known_digests& digests() {
    return detail::per_process<known_digests>::get();
}

bool is_number(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), &detail::is_digit);
}

/// "1a2b3c4d.0" or "1a2b3c4d.r0".
std::optional<hashed_file> as_hashed(const std::filesystem::path& path) {
    constexpr std::size_t hash_size = 8;
    const std::string name = path.filename().string();
    if (name.size() < hash_size + 2 || name[hash_size] != '.') {
        return std::nullopt;
    }
    const std::string hash = name.substr(0, hash_size);
    const bool is_crl = name[hash_size + 1] == 'r';
    const bool is_hash = std::all_of(hash.begin(), hash.end(), [](char each) {
        return detail::is_hexadecimal(each) && detail::to_lower(each) == each;
    });
    if (!is_hash || !is_number(std::string_view(name).substr(hash_size + (is_crl ? 2 : 1)))) {
        return std::nullopt;
    }
    return hashed_file{path.string(), hash, is_crl};
}

}  // namespace

std::string sha256_of(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        return std::string(bytes);
    }
    return {reinterpret_cast<const char*>(digest.data()), size};
}

Result<std::string> read_tls_file(std::string_view what, const std::string& path,
                                  std::string_view source) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string bytes;
    std::array<char, std::size_t{16} * 1024> part;
    while (file && bytes.size() <= max_file_size) {
        file.read(part.data(), part.size());
        bytes.append(part.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.eof() || file.bad()) {
        return cannot_load(what, path,
                           bytes.size() > max_file_size ? "more than 64 MiB"
                                                        : reason_of(errno != 0 ? errno : EIO),
                           source);
    }
    return bytes;
}

Result<std::string> digest_of_tls_file(std::string_view what, const std::string& path,
                                       std::string_view source,
                                       std::chrono::system_clock::time_point now) {
    // Before it is read: a change in between is then seen the next time.
    const auto look = look_at(path);
    const bool is_settled = look && look->is_settled_at(now);
    if (is_settled) {
        if (auto known = digests().find(path, *look)) {
            return std::move(*known);
        }
    }
    return read_tls_file(what, path, source).map([&](const std::string& bytes) {
        std::string digest = sha256_of(bytes);
        if (is_settled) {
            digests().keep(path, *look, digest);
        }
        return digest;
    });
}

bool is_tls_file_gone(const std::string& path) {
    std::error_code unknown;
    return !std::filesystem::exists(path, unknown) && !unknown;
}

Result<std::vector<hashed_file>> hashed_files_in(const std::string& directory,
                                                 std::string_view source) {
    std::vector<hashed_file> all;
    std::error_code error;
    auto each = std::filesystem::directory_iterator(directory, error);
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
        if (auto named = as_hashed(each->path())) {
            all.push_back(std::move(*named));
        }
    }
    if (error) {
        return cannot_load("CA directory", directory, error.message(), source);
    }
    std::sort(all.begin(), all.end(),
              [](const auto& one, const auto& other) { return one.path < other.path; });
    return all;
}

}  // namespace network_system::core
