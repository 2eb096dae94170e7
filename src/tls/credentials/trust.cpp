#include "tls/credentials/trust.h"

#include "tls/credentials/files.h"
#include "tls/credentials/pem.h"
#include "tls/errors.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/process.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

/// Something that says whom to trust.
struct trust_source {
    enum class kind : std::uint8_t {
        /// `ca_file`; the path is that of a file.
        file,
        /// `ca_pem`; the path is the text itself.
        text,
        /// `crl_file`.
        crls,
        /// A file of `ca_path`.
        hashed_certificate,
        hashed_crl,
        /// What the system has: OpenSSL reads it when it needs it, and we only whether it changed.
        of_system,
        crl_of_system,
    };
    kind what;
    std::string path;
    std::string hash{};
};
using kind = trust_source::kind;

std::string_view words_for(kind what) noexcept {
    switch (what) {
        case kind::file: return "CA file";
        case kind::text: return "CA certificates";
        case kind::crls: return "CRL file";
        case kind::hashed_certificate: return "CA file";
        case kind::hashed_crl: return "CRL file";
        case kind::of_system: return "CA file of the system";
        case kind::crl_of_system: return "CRL file of the system";
    }
    return {};
}

constexpr char list_separator =
#ifdef _WIN32
    ';';
#else
    ':';
#endif

/// What OpenSSL takes when it is told nothing.
std::string default_path(const char* variable, const char* otherwise) {
    const char* const set = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): only read
    return set != nullptr ? set : otherwise;
}

/// The files that the system's trust is made of, as far as they exist.
std::vector<trust_source> sources_of_system(std::string_view source) {
    std::vector<trust_source> all{{kind::of_system, default_path(X509_get_default_cert_file_env(),
                                                                 X509_get_default_cert_file())}};
    std::string directories =
        default_path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    while (!directories.empty()) {
        const auto end = std::min(directories.find(list_separator), directories.size());
        // Many systems have none.
        const auto files = hashed_files_in(directories.substr(0, end), source)
                               .value_or(std::vector<hashed_file>{});
        for (const hashed_file& each : files) {
            all.push_back({each.is_crl ? kind::crl_of_system : kind::of_system, each.path});
        }
        directories.erase(0, end + 1);
    }
    return all;
}

Result<std::vector<trust_source>> sources_of(const tls_config& config, std::string_view source,
                                             const log_output* log) {
    std::vector<trust_source> all;
    if (config.ca_file.empty() && config.ca_path.empty() && config.ca_pem.empty()) {
        all = sources_of_system(source);
    }
    if (!config.ca_file.empty()) {
        all.push_back({kind::file, config.ca_file});
    }
    if (!config.ca_path.empty()) {
        auto files = hashed_files_in(config.ca_path, source);
        if (!files) {
            return files.error();
        }
        if (files.value().empty()) {
            detail::log(log_level::warning, {"tls", source, nullptr, log},
                        "ca_path '{}' has no files named by openssl rehash", config.ca_path);
        }
        for (const hashed_file& each : files.value()) {
            all.push_back(
                {each.is_crl ? kind::hashed_crl : kind::hashed_certificate, each.path, each.hash});
        }
    }
    if (!config.ca_pem.empty()) {
        all.push_back({kind::text, config.ca_pem});
    }
    if (!config.crl_file.empty()) {
        all.push_back({kind::crls, config.crl_file});
    }
    return all;
}

bool is_of_system(const trust_source& which) noexcept {
    return which.what == kind::of_system || which.what == kind::crl_of_system;
}

/// Asked of what cannot be read. Directories have links to what was removed.
bool may_be_missing(const trust_source& which) {
    const bool is_hashed = which.what == kind::hashed_certificate || which.what == kind::hashed_crl;
    return is_of_system(which) || (is_hashed && is_tls_file_gone(which.path));
}

/// Of what the digests of the sources make one.
class digest_sum {
public:
    void add(const trust_source& from, const std::string& digest) {
        // By its name a hashed file is taken or left alone.
        parts_ += fmt::format("{}:{}:{}", static_cast<int>(from.what), from.hash, digest);
    }
    [[nodiscard]] std::string take() const { return sha256_of(parts_); }

private:
    std::string parts_;
};

/// The digest of the trust as far as the files tell without being read again.
Result<std::string> expected_digest(const std::vector<trust_source>& sources,
                                    std::string_view source) {
    digest_sum sum;
    for (const trust_source& each : sources) {
        if (each.what == kind::text) {
            sum.add(each, sha256_of(each.path));
            continue;
        }
        const auto digest = digest_of_tls_file(words_for(each.what), each.path, source);
        if (digest) {
            sum.add(each, digest.value());
        } else if (!may_be_missing(each)) {
            return digest.error();
        }
    }
    return sum.take();
}

/// A name of `openssl rehash`.
std::string hash_of(X509* certificate) {
    return fmt::format("{:08x}", X509_subject_name_hash(certificate));
}

}  // namespace

/// Reads the sources into one trust; the digest is that of what was read.
class trust_reader {
public:
    /// `warnings` are for the log.
    trust_reader(std::string_view source, std::vector<std::string>& warnings)
        : source_(source), warnings_(warnings) {}

    [[nodiscard]] Result<std::shared_ptr<const tls_trust>> read(
        const std::vector<trust_source>& sources) {
        for (const trust_source& each : sources) {
            if (auto added = add(each); added.is_err()) {
                return added.error();
            }
        }
        if (std::any_of(sources.begin(), sources.end(), &is_of_system) &&
            X509_STORE_set_default_paths(made_->authorities()) != 1) {
            ERR_clear_error();
            return detail::failure(errc::certificate_load_failed,
                                   "the certificates that the system trusts cannot be found",
                                   source_);
        }
        made_->digest_ = sum_.take();
        return std::shared_ptr<const tls_trust>(std::move(made_));
    }

private:
    [[nodiscard]] VoidResult add(const trust_source& from) {
        if (from.what == kind::text) {
            return add_text(from, from.path);
        }
        const auto bytes = read_tls_file(words_for(from.what), from.path, source_);
        if (!bytes) {
            return may_be_missing(from) ? ok() : VoidResult(bytes.error());
        }
        if (is_of_system(from)) {
            record_of_system(from, bytes.value());
            return ok();
        }
        return add_text(from, bytes.value());
    }

    void record_of_system(const trust_source& from, const std::string& bytes) {
        made_->has_crls_ |= from.what == kind::crl_of_system ||
                            bytes.find("-----BEGIN X509 CRL-----") != std::string::npos;
        sum_.add(from, sha256_of(bytes));
    }

    [[nodiscard]] VoidResult add_text(const trust_source& from, const std::string& text) {
        sum_.add(from, sha256_of(text));
        const bool is_der = from.what == kind::crls && text.find("-----BEGIN") == std::string::npos;
        auto read = is_der ? read_der_crl(text, source_) : read_pem(text, source_);
        if (!read) {
            return refuse(from, read.error().details);
        }
        pem_contents& contents = read.value();
        const bool wants_crl = from.what == kind::crls || from.what == kind::hashed_crl;
        if (wants_crl ? contents.crls.empty() : contents.certificates.empty()) {
            return refuse(from, wants_crl ? "holds no CRL" : "holds no certificate");
        }
        if (from.what == kind::crls && !contents.certificates.empty()) {
            return refuse(from, "holds a certificate, which belongs into ca_file");
        }
        return keep(from, contents);
    }

    [[nodiscard]] VoidResult keep(const trust_source& from, pem_contents& contents) {
        for (auto& each : contents.certificates) {
            if (from.what == kind::hashed_certificate && hash_of(each.get()) != from.hash) {
                warnings_.push_back(
                    fmt::format("'{}' is left alone: the name of its certificate has the hash {}",
                                from.path, hash_of(each.get())));
                continue;
            }
            if (X509_STORE_add_cert(made_->authorities(), each.get()) != 1) {
                return refuse(from, "OpenSSL does not take a certificate of it");
            }
            if (from.what == kind::file || from.what == kind::text) {
                made_->named_.push_back(std::move(each));
            }
        }
        for (const auto& each : contents.crls) {
            if (X509_STORE_add_crl(made_->authorities(), each.get()) != 1) {
                return refuse(from, "OpenSSL does not take a CRL of it");
            }
            made_->has_crls_ = true;
        }
        return ok();
    }

    [[nodiscard]] VoidResult refuse(const trust_source& from, const std::string& why) const {
        ERR_clear_error();
        return cannot_load(words_for(from.what), from.what == kind::text ? "ca_pem" : from.path,
                           why, source_);
    }

    const std::string source_;
    std::vector<std::string>& warnings_;
    std::shared_ptr<tls_trust> made_ = std::make_shared<tls_trust>();
    digest_sum sum_;
};

namespace {

/// What was read in this process, by its digest: as long as somebody uses it, and the last few
/// longer, for clients that come one after another.
class known_trusts {
public:
    [[nodiscard]] std::shared_ptr<const tls_trust> find(const std::string& digest) {
        const std::lock_guard lock(mutex_);
        const auto found = by_digest_.find(digest);
        return found == by_digest_.end() ? nullptr : found->second.lock();
    }
    void keep(const std::shared_ptr<const tls_trust>& trust) {
        const std::lock_guard lock(mutex_);
        std::erase_if(by_digest_, [](const auto& each) { return each.second.expired(); });
        by_digest_[trust->digest()] = trust;
        recent_[next_++ % recent_.size()] = trust;
    }

    /// Held by who reads what is not known yet.
    std::mutex reading;

private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<const tls_trust>> by_digest_;
    std::array<std::shared_ptr<const tls_trust>, 4> recent_;
    std::size_t next_ = 0;
};

known_trusts& trusts() {
    return detail::per_process<known_trusts>::get();
}

Result<std::shared_ptr<const tls_trust>> known_or_read(const std::vector<trust_source>& sources,
                                                       std::string_view source,
                                                       std::vector<std::string>& warnings) {
    const auto digest = expected_digest(sources, source);
    if (!digest) {
        return digest.error();
    }
    if (auto known = trusts().find(digest.value())) {
        return known;
    }
    // One reads for all who start at the same time.
    const std::lock_guard lock(trusts().reading);
    if (auto known = trusts().find(digest.value())) {
        return known;
    }
    return trust_reader(source, warnings).read(sources).map([](const auto& read) {
        trusts().keep(read);
        return read;
    });
}

}  // namespace

Result<std::shared_ptr<const tls_trust>> tls_trust::of(const tls_config& config,
                                                       std::string_view source,
                                                       const log_output* log) {
    const auto sources = sources_of(config, source, log);
    if (!sources) {
        return sources.error();
    }
    std::vector<std::string> warnings;
    auto trust = known_or_read(sources.value(), source, warnings);
    for (const std::string& each : warnings) {
        detail::log(log_level::warning, {"tls", source, nullptr, log}, "{}", each);
    }
    if (trust && config.crl_policy == core::crl_policy::require && !trust.value()->has_crls()) {
        return detail::failure(errc::invalid_argument,
                               "tls_config: crl_policy::require without any CRL refuses everybody",
                               source);
    }
    return trust;
}

}  // namespace network_system::core
