// The files that trust is made of: when they are read again.
#include "tls/credentials/files.h"

#include "support/secure.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

namespace secure {
namespace {

using network_system::core::digest_of_tls_file;
using network_system::core::hashed_files_in;
using network_system::core::read_tls_file;
using network_system::core::sha256_of;

namespace fs = std::filesystem;

std::string digest_of(const std::string& path,
                      std::chrono::seconds later = std::chrono::seconds{60}) {
    const auto digest =
        digest_of_tls_file("file", path, "test", std::chrono::system_clock::now() + later);
    EXPECT_TRUE(is_ok(digest));
    return digest ? digest.value() : std::string();
}

/// What this thread has read so far; nothing where the system does not tell.
std::optional<std::uint64_t> bytes_read() {
    std::ifstream counts("/proc/thread-self/io");
    std::string name;
    std::uint64_t value = 0;
    if (counts >> name >> value && name == "rchar:") {
        return value;
    }
    return std::nullopt;
}

TEST(tls_files, are_read_again_only_when_they_may_have_changed) {
    constexpr std::size_t size = 1'000'000;
    const std::string path = authority().write_text("large", std::string(size, 'a'));
    const std::string before = digest_of(path);
    const auto begin = bytes_read();
    if (!begin) {
        GTEST_SKIP() << "this system does not count what is read";
    }
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(digest_of(path), before);
    }
    EXPECT_LT(*bytes_read() - *begin, size);
    (void)authority().write_text("large", std::string(size, 'b'));
    EXPECT_EQ(digest_of(path), sha256_of(std::string(size, 'b')));
}

TEST(tls_files, are_read_again_when_a_change_could_have_the_same_time) {
    const std::string path = authority().write_text("young", "one");
    for (const char* text : {"two", "six", "ten"}) {
        (void)authority().write_text("young", text);
        EXPECT_EQ(digest_of(path, std::chrono::seconds{0}), sha256_of(text));
    }
}

TEST(tls_files, that_are_replaced_by_others_of_the_same_size_and_age_are_noticed) {
    const std::string path = authority().write_text("replaced", "first");
    EXPECT_EQ(digest_of(path), sha256_of("first"));
    const std::string other = authority().write_text("other", "other");
    fs::last_write_time(other, fs::last_write_time(path));
    fs::rename(other, path);
    EXPECT_EQ(digest_of(path), sha256_of("other"));
}

TEST(tls_files, that_cannot_be_read_say_why) {
    const auto missing = read_tls_file("CA file", "/does/not/exist", "test");
    ASSERT_TRUE(fails_with(missing, errc::certificate_load_failed));
    EXPECT_NE(missing.error().message.find("No such file"), std::string::npos)
        << missing.error().message;
    const auto directory = read_tls_file("CA file", authority().directory().string(), "test");
    ASSERT_TRUE(fails_with(directory, errc::certificate_load_failed));
    EXPECT_NE(directory.error().message.find("directory"), std::string::npos)
        << directory.error().message;
    const auto endless = read_tls_file("CA file", "/dev/zero", "test");
    ASSERT_TRUE(fails_with(endless, errc::certificate_load_failed));
    EXPECT_NE(endless.error().message.find("more than 64 MiB"), std::string::npos)
        << endless.error().message;
}

TEST(tls_files, of_a_directory_those_named_by_rehash_are_taken) {
    const auto directory = authority().directory() / "hashed";
    fs::create_directory(directory);
    for (const char* name :
         {"1a2b3c4d.0", "1a2b3c4d.12", "1a2b3c4d.r0", "1a2b3c4d.", "1a2b3c4d.r", "1A2B3C4D.0",
          "1a2b3c4d.0x", "1a2b3c4.0", "11a2b3c4d.0", "root.pem", "1a2b3c4d.-1", "1a2b3c4d"}) {
        std::ofstream(directory / name) << "anything";
    }
    const auto found = hashed_files_in(directory.string(), "test");
    ASSERT_TRUE(is_ok(found));
    std::vector<std::string> names;
    for (const auto& each : found.value()) {
        names.push_back(fs::path(each.path).filename().string());
        EXPECT_EQ(each.hash, "1a2b3c4d");
        EXPECT_EQ(each.is_crl, names.back() == "1a2b3c4d.r0");
    }
    EXPECT_EQ(names, (std::vector<std::string>{"1a2b3c4d.0", "1a2b3c4d.12", "1a2b3c4d.r0"}));
}

}  // namespace
}  // namespace secure
