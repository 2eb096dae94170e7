#include "os/cpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#ifdef __linux__
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace network_system::inline v0_1::runtime::cpus {
namespace {

// More than any kernel is built for.
constexpr unsigned most_cpus = 8'192;

/// Takes a number off the front.
std::optional<unsigned> take_number(std::string_view& text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number >= most_cpus) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool take(std::string_view& text, char which) {
    if (!text.starts_with(which)) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<list> parse(std::string_view text) {
    while (text.ends_with('\n') || text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    list all;
    while (!text.empty()) {
        const auto first = take_number(text);
        const auto last = first && take(text, '-') ? take_number(text) : first;
        if (!last || *last < *first || (!text.empty() && (!take(text, ',') || text.empty()))) {
            return std::nullopt;
        }
        for (unsigned each = *first; each <= *last; ++each) {
            all.push_back(each);
        }
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::string to_text(std::span<const unsigned> ascending) {
    fmt::memory_buffer text;
    for (std::size_t i = 0; i < ascending.size();) {
        std::size_t end = i + 1;
        while (end < ascending.size() && ascending[end] == ascending[end - 1] + 1) {
            ++end;
        }
        fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ",", ascending[i]);
        if (end - i > 1) {
            fmt::format_to(std::back_inserter(text), "-{}", ascending[end - 1]);
        }
        i = end;
    }
    return fmt::to_string(text);
}

list common_to(std::span<const unsigned> some, std::span<const unsigned> others) {
    list both;
    std::set_intersection(some.begin(), some.end(), others.begin(), others.end(),
                          std::back_inserter(both));
    return both;
}

std::vector<list> nodes(const std::string& directory) {
    constexpr std::string_view prefix = "node";
    std::vector<std::pair<unsigned, list>> found;
    std::error_code unreadable;
    for (const auto& each : std::filesystem::directory_iterator(directory, unreadable)) {
        const std::string name = each.path().filename().string();
        std::string_view number = name;
        if (!number.starts_with(prefix)) {
            continue;
        }
        number.remove_prefix(prefix.size());
        const auto id = take_number(number);
        std::ifstream file(each.path() / "cpulist");
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        if (auto of_node = parse(text); id && number.empty() && of_node) {
            found.emplace_back(*id, std::move(*of_node));
        }
    }
    std::sort(found.begin(), found.end());
    std::vector<list> all;
    all.reserve(found.size());
    for (auto& [id, of_node] : found) {
        all.push_back(std::move(of_node));
    }
    return all;
}

#ifdef __linux__

bool can_place_threads() noexcept {
    return true;
}

list allowed() {
    // Of the process's first thread: who makes a thread may be one that is placed already.
    for (std::size_t size = CPU_SETSIZE; size <= most_cpus; size *= 2) {
        std::vector<::cpu_set_t> set(size / CPU_SETSIZE);
        if (::sched_getaffinity(::getpid(), set.size() * sizeof(::cpu_set_t), set.data()) != 0) {
            continue;  // a kernel with more CPUs than that
        }
        list all;
        for (unsigned i = 0; i < size; ++i) {
            if (CPU_ISSET_S(i, set.size() * sizeof(::cpu_set_t), set.data())) {
                all.push_back(i);
            }
        }
        return all;
    }
    return {};
}

std::error_code run_on(std::span<const unsigned> some) {
    std::vector<::cpu_set_t> set(most_cpus / CPU_SETSIZE);
    const std::size_t bytes = set.size() * sizeof(::cpu_set_t);
    for (const unsigned each : some) {
        CPU_SET_S(each, bytes, set.data());
    }
    return ::sched_setaffinity(0, bytes, set.data()) == 0
               ? std::error_code()
               : std::error_code(errno, std::system_category());
}

#elif defined(_WIN32)

bool can_place_threads() noexcept {
    return true;
}

list allowed() {
    DWORD_PTR of_process = 0;
    DWORD_PTR of_system = 0;
    list all;
    if (::GetProcessAffinityMask(::GetCurrentProcess(), &of_process, &of_system) != 0) {
        for (unsigned i = 0; i < sizeof of_process * 8; ++i) {
            if ((of_process >> i & 1U) != 0) {
                all.push_back(i);
            }
        }
    }
    return all;
}

std::error_code run_on(std::span<const unsigned> some) {
    DWORD_PTR mask = 0;
    for (const unsigned each : some) {
        mask |= DWORD_PTR{1} << each;
    }
    return ::SetThreadAffinityMask(::GetCurrentThread(), mask) != 0
               ? std::error_code()
               : std::error_code(static_cast<int>(::GetLastError()), std::system_category());
}

#else

bool can_place_threads() noexcept {
    return false;
}

list allowed() {
    return {};
}

std::error_code run_on(std::span<const unsigned>) {
    return std::make_error_code(std::errc::operation_not_supported);
}

#endif

}  // namespace network_system::runtime::cpus
