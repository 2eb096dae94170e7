#include "support/child_process.h"
#include "support/loopback.h"
#include "support/scratch_directory.h"

#include <network_system/integration/basic_logger.h>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

using loopback::eventually;
using loopback::fails_with;
using loopback::is_ok;

log_record line(std::string_view text, log_level level = log_level::info) {
    log_record record;
    record.level = level;
    record.component = "test";
    record.text = text;
    return record;
}

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> all;
    for (std::string each; std::getline(file, each);) {
        all.push_back(each);
    }
    return all;
}

/// What stands behind the time.
std::vector<std::string> texts_of(const std::string& path) {
    static const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\[[a-z]+\] .*))");
    std::vector<std::string> all;
    for (const std::string& each : lines_of(path)) {
        std::smatch found;
        EXPECT_TRUE(std::regex_match(each, found, form)) << each;
        all.push_back(found.size() > 1 ? found[1].str() : each);
    }
    return all;
}

class basic_logger_test : public ::testing::Test {
protected:
    [[nodiscard]] basic_logger_options to_file(std::uint64_t max_size = 0,
                                               unsigned max_files = 5) const {
        basic_logger_options options;
        options.console = log_console::none;
        options.file = {path_, max_size, max_files};
        return options;
    }

    const loopback::scratch_directory where_;
    const std::string path_ = where_.file("log");
};

TEST_F(basic_logger_test, writes_lines_with_time_and_level) {
    {
        basic_logger log(to_file());
        EXPECT_TRUE(is_ok(log.status()));
        log.log(line("first"));
        const auto peer = endpoint::parse("192.0.2.1:4000").value();
        log_record full = line("second", log_level::warning);
        full.object_id = "chat";
        full.session_id = "s-7";
        full.peer = &peer;
        full.error = make_error_code(errc::protocol_error);
        log.log(full);
        log.log(line("a\nb"));
        log.flush();
        EXPECT_EQ(lines_of(path_).size(), 3U) << "after flush";
        log.log(line("last"));
    }
    EXPECT_EQ(texts_of(path_),
              (std::vector<std::string>{
                  "[info] test: first",
                  "[warning] test(chat) s-7 192.0.2.1:4000: second (the peer broke the protocol)",
                  R"([info] test: a\x0Ab)", "[info] test: last"}));
}

TEST_F(basic_logger_test, appends_to_a_file_that_is_there) {
    for (const char* each : {"one", "two"}) {
        basic_logger(to_file()).log(line(each));
    }
    EXPECT_EQ(texts_of(path_), (std::vector<std::string>{"[info] test: one", "[info] test: two"}));
}

TEST_F(basic_logger_test, knows_its_level) {
    basic_logger log(to_file());
    EXPECT_TRUE(log.is_enabled(log_level::info));
    EXPECT_FALSE(log.is_enabled(log_level::debug));
    log.set_level(log_level::error);
    EXPECT_EQ(log.level(), log_level::error);
    EXPECT_FALSE(log.is_enabled(log_level::warning));
    EXPECT_TRUE(log.is_enabled(log_level::error));
    EXPECT_FALSE(log.is_enabled(log_level::off));
}

TEST_F(basic_logger_test, keeps_the_lines_of_every_thread_in_order) {
    constexpr int threads = 4;
    const int each = static_cast<int>(loopback::scaled(2'000));
    {
        basic_logger log(to_file());
        std::vector<std::thread> writers;
        for (int who = 0; who < threads; ++who) {
            writers.emplace_back([&, who] {
                for (int i = 0; i < each; ++i) {
                    log.log(line(std::to_string(who) + ' ' + std::to_string(i)));
                    if (i % 64 == 0) {
                        log.flush();
                    }
                }
            });
        }
        for (auto& writer : writers) {
            writer.join();
        }
        EXPECT_EQ(log.dropped(), 0U);
    }
    std::array<int, threads> next{};
    for (const std::string& text : texts_of(path_)) {
        const auto who = static_cast<std::size_t>(text[13] - '0');
        EXPECT_EQ(text, "[info] test: " + std::to_string(who) + ' ' + std::to_string(next[who]));
        ++next[who];
    }
    EXPECT_EQ(next, (std::array<int, threads>{each, each, each, each}));
}

TEST_F(basic_logger_test, renames_files_that_are_full) {
    constexpr int count = 100;
    {
        basic_logger log(to_file(1'000, 3));
        for (int i = 0; i < count; ++i) {
            log.log(line(std::to_string(i)));
            log.flush();
        }
    }
    std::vector<std::string> all;
    for (const char* each : {".3", ".2", ".1", ""}) {
        const std::string path = path_ + each;
        EXPECT_LE(std::filesystem::file_size(path), 1'000U);
        const auto texts = texts_of(path);
        all.insert(all.end(), texts.begin(), texts.end());
    }
    EXPECT_FALSE(std::filesystem::exists(path_ + ".4"));
    ASSERT_GT(all.size(), 60U);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i], "[info] test: " + std::to_string(count - all.size() + i));
    }
}

TEST_F(basic_logger_test, begins_anew_where_no_file_is_kept) {
    {
        basic_logger log(to_file(200, 0));
        for (int i = 0; i < 20; ++i) {
            log.log(line("line " + std::to_string(i)));
            log.flush();
        }
    }
    EXPECT_LE(std::filesystem::file_size(path_), 200U);
    EXPECT_EQ(texts_of(path_).back(), "[info] test: line 19");
    EXPECT_FALSE(std::filesystem::exists(path_ + ".1"));
}

TEST_F(basic_logger_test, refuses_options_that_make_no_sense) {
    basic_logger_options options = to_file();
    options.queue_limit = 0;
    basic_logger no_queue(options);
    ASSERT_TRUE(fails_with(no_queue.status(), errc::invalid_argument));
    no_queue.log(line("lost"));
    no_queue.flush();
    EXPECT_EQ(no_queue.dropped(), 1U);
    EXPECT_TRUE(fails_with(basic_logger(to_file(0, 1'001)).status(), errc::invalid_argument));
}

/// What is written to standard error meanwhile.
template <typename Work>
std::string said(const Work& work) {
    ::testing::internal::CaptureStderr();
    work();
    return ::testing::internal::GetCapturedStderr();
}

TEST_F(basic_logger_test, tells_when_a_file_cannot_be_opened_and_tries_again) {
    const std::string directory = where_.file("later");
    basic_logger_options options = to_file();
    options.file.path = directory + "/log";
    const std::string text = said([&] {
        basic_logger log(options);
        EXPECT_TRUE(fails_with(log.status(), errc::internal_error));
        EXPECT_NE(log.status().error().message.find(options.file.path), std::string::npos);
        log.log(line("to the console"));
        log.flush();
        std::filesystem::create_directory(directory);
        EXPECT_TRUE(eventually([&] {
            log.log(line("again"));
            log.flush();
            return log.status().is_ok();
        }));
    });
    EXPECT_NE(text.find("to the console"), std::string::npos);
    EXPECT_NE(text.find("cannot open " + options.file.path), std::string::npos);
    EXPECT_EQ(texts_of(options.file.path).back(), "[info] test: again");
}

#ifdef __linux__

TEST_F(basic_logger_test, tells_when_a_disk_is_full) {
    basic_logger_options options = to_file();
    options.file.path = "/dev/full";
    const std::string text = said([&] {
        basic_logger log(options);
        log.log(line("no room"));
        log.flush();
        EXPECT_TRUE(fails_with(log.status(), errc::internal_error));
    });
    EXPECT_NE(text.find("test: no room"), std::string::npos) << "not lost";
    EXPECT_NE(text.find("cannot write to /dev/full: No space left"), std::string::npos) << text;
}

TEST_F(basic_logger_test, loses_lines_and_counts_them_when_a_reader_is_slow) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    basic_logger_options options = to_file();
    options.queue_limit = 4'096;
    const std::string large(1'000, 'x');
    std::string arrived;
    const auto read_all = [&] {
        std::array<char, 65'536> some{};
        for (::ssize_t got = 0; (got = ::read(reader, some.data(), some.size())) > 0;) {
            arrived.append(some.data(), static_cast<std::size_t>(got));
        }
        return arrived;
    };
    std::uint64_t logged = 0;
    {
        basic_logger log(options);
        // More than the pipe, what is being written and the queue hold; `log` returns all the same.
        ASSERT_TRUE(eventually([&] {
            for (int i = 0; i < 100; ++i, ++logged) {
                log.log(line(large));
            }
            return log.dropped() > 0;
        }));
        const auto lost = log.dropped();
        EXPECT_TRUE(eventually([&] {
            const bool is_told = read_all().find(" lines were lost") != std::string::npos;
            log.log(line("after"));
            ++logged;
            return is_told;
        }));
        EXPECT_GE(log.dropped(), lost);
        logged -= log.dropped();
        (void)read_all();
    }
    (void)read_all();
    const auto lines = static_cast<std::uint64_t>(std::count(arrived.begin(), arrived.end(), '\n'));
    const std::string told = " lines were lost";
    std::uint64_t notices = 0;
    for (auto at = arrived.find(told); at != std::string::npos; at = arrived.find(told, at + 1)) {
        ++notices;
    }
    EXPECT_EQ(lines, logged + notices) << "each line has arrived or is counted";
    ::close(reader);
}

#endif

#ifndef NETWORK_TEST_NO_FORK

TEST_F(basic_logger_test, of_a_parent_loses_lines_in_a_child) {
    basic_logger log(to_file());
    log.log(line("parent"));
    log.flush();
    EXPECT_TRUE(testing::succeeds_in_child([&] {
        log.log(line("child"));
        log.flush();
        EXPECT_EQ(log.dropped(), 1U);
    }));
    log.log(line("parent again"));
    log.flush();
    EXPECT_EQ(lines_of(path_).size(), 2U);
}

#endif

}  // namespace
}  // namespace network_system::integration
