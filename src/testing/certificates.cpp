#include "testing/certificates_signing.h"
#include "utils/failure.h"
#include "utils/host.h"
#include "utils/process.h"
#include "utils/random.h"

#include <network_system/testing/certificates.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::testing {
namespace {

constexpr std::string_view source = "certificate_authority";
constexpr std::chrono::hours longest{100 * 365 * 24};

error_info invalid(std::string text) {
    return network_system::detail::failure_in_words(errc::invalid_argument, std::move(text),
                                                    source);
}

/// "DNS:localhost", "IP:127.0.0.1".
Result<std::string> alternative_name(const std::string& text) {
    constexpr std::string_view any_label = "*.";
    const bool is_wildcard = text.starts_with(any_label);
    auto parsed = network_system::detail::host::parse(
        is_wildcard ? text.substr(any_label.size()) : text, source);
    if (parsed.is_err()) {
        return std::move(parsed).error();
    }
    const network_system::detail::host& host = parsed.value();
    if (host.is_path() || (is_wildcard && !host.is_name())) {
        return invalid(fmt::format("'{}' is no host that a certificate could name", text));
    }
    return fmt::format("{}{}{}", host.is_name() ? "DNS:" : "IP:", is_wildcard ? any_label : "",
                       host.certificate_name());
}

Result<certificate_profile> profile_of(const certificate_options& options) {
    certificate_profile profile;
    if (options.common_name.empty() || options.common_name.size() > 64) {
        return invalid("the common name of a certificate has 1 to 64 bytes");
    }
    profile.common_name = options.common_name;
    for (const std::string& each : options.hosts) {
        auto name = alternative_name(each);
        if (name.is_err()) {
            return std::move(name).error();
        }
        profile.names.push_back(std::move(name).value());
    }
    for (const std::chrono::seconds each : {options.begins, options.ends}) {
        if (each < -longest || each > longest) {
            return invalid("a certificate begins and ends within 100 years");
        }
    }
    profile.valid_from = options.begins.count();
    profile.valid_to = options.ends.count();
    profile.extended_usage = options.is_for_client ? "clientAuth" : "serverAuth";
    return profile;
}

Result<std::filesystem::path> make_directory() {
    std::array<std::uint8_t, 8> random{};
    network_system::detail::fill_random(random);
    std::error_code error;
    auto made = std::filesystem::temp_directory_path(error) /
                fmt::format("network_system_{:02x}", fmt::join(random, ""));
    if (!error && !std::filesystem::create_directory(made, error) && !error) {
        error = std::make_error_code(std::errc::file_exists);
    }
    if (!error) {
        std::filesystem::permissions(made, std::filesystem::perms::owner_all, error);
    }
    if (error) {
        return network_system::detail::failure(errc::internal_error,
                                               "cannot make the directory '" + made.string() + "'",
                                               source, error);
    }
    return made;
}

}  // namespace

struct certificate_authority::files {
    files(std::filesystem::path in, signed_certificate signer)
        : directory(std::move(in)), root(std::move(signer)) {}
    files(const files&) = delete;
    files& operator=(const files&) = delete;
    ~files() {
        // A forked child that exits leaves its parent's directory alone.
        if (made_in.is_here()) {
            std::error_code ignored;  // nobody could be told
            std::filesystem::remove_all(directory, ignored);
        }
    }

    /// A new root with its file.
    [[nodiscard]] static Result<std::unique_ptr<files>> make();
    [[nodiscard]] Result<core::tls_identity> issue(const certificate_options& options);
    /// The path of the file that has been written.
    [[nodiscard]] Result<std::string> write(const std::string& name,
                                            const Result<std::string>& text) const {
        if (text.is_err()) {
            return text.error();
        }
        std::string path = (directory / name).string();
        std::ofstream to(path, std::ios::binary);
        to << text.value() << std::flush;
        if (!to) {
            return network_system::detail::failure_in_words(errc::internal_error,
                                                            "cannot write '" + path + "'", source);
        }
        return path;
    }

    const network_system::detail::origin made_in;
    const std::filesystem::path directory;
    const signed_certificate root;
    std::string ca_file;
    std::atomic<unsigned> issued = 0;
};

Result<std::unique_ptr<certificate_authority::files>> certificate_authority::files::make() {
    certificate_profile profile;
    profile.common_name = "Test authority";
    profile.is_authority = true;
    profile.valid_from = -std::chrono::seconds(longest).count();
    profile.valid_to = -profile.valid_from;
    auto root = signed_certificate::make(profile);
    if (root.is_err()) {
        return std::move(root).error();
    }
    auto directory = make_directory();
    if (directory.is_err()) {
        return std::move(directory).error();
    }
    auto made = std::make_unique<files>(std::move(directory).value(), std::move(root).value());
    auto written = made->write("ca.pem", made->root.pem());
    if (written.is_err()) {
        return std::move(written).error();
    }
    made->ca_file = std::move(written).value();
    return made;
}

Result<core::tls_identity> certificate_authority::files::issue(const certificate_options& options) {
    const auto profile = profile_of(options);
    if (profile.is_err()) {
        return profile.error();
    }
    const auto made = signed_certificate::make(profile.value(), &root);
    if (made.is_err()) {
        return made.error();
    }
    const std::string name = std::to_string(++issued);
    auto certificate = write(name + ".pem", made.value().pem());
    if (certificate.is_err()) {
        return std::move(certificate).error();
    }
    auto key = write(name + ".key", made.value().key_pem());
    if (key.is_err()) {
        return std::move(key).error();
    }
    return core::tls_identity{std::move(certificate).value(), std::move(key).value()};
}

certificate_authority::certificate_authority(std::unique_ptr<files> made) noexcept
    : files_(std::move(made)) {}
certificate_authority::certificate_authority(certificate_authority&&) noexcept = default;
certificate_authority& certificate_authority::operator=(certificate_authority&&) noexcept = default;
certificate_authority::~certificate_authority() = default;

Result<certificate_authority> certificate_authority::create() {
    return network_system::detail::within_memory([] {
        return files::make().map(
            [](std::unique_ptr<files>&& made) { return certificate_authority(std::move(made)); });
    });
}

const std::string& certificate_authority::ca_file() const noexcept {
    return files_->ca_file;
}

Result<core::tls_identity> certificate_authority::issue(const certificate_options& options) const {
    return network_system::detail::within_memory([&] { return files_->issue(options); });
}

Result<core::tls_identity> certificate_authority::issue_server(
    const std::vector<std::string>& hosts) const {
    certificate_options options;
    options.common_name = hosts.empty() ? "server" : hosts.front().substr(0, 64);
    options.hosts = hosts;
    return issue(options);
}

Result<core::tls_identity> certificate_authority::issue_client(
    const std::string& common_name) const {
    certificate_options options;
    options.common_name = common_name;
    options.is_for_client = true;
    return issue(options);
}

}  // namespace network_system::testing
