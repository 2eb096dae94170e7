// What is logged while an object lives.
#pragma once

#include <network_system/utils/log.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

/// A record that outlives the call.
struct heard_line {
    log_level level{};
    std::string component;
    std::string object_id;
    std::string session_id;
    std::string peer;
    std::string text;
    std::error_code error;
};

/// The lines that a sink has got.
class heard_lines {
public:
    /// Keeps the lines: one may be on its way when this object ends.
    [[nodiscard]] log_sink sink() const {
        return [all = all_](const log_record& record) {
            const std::lock_guard lock(all->mutex);
            all->lines.push_back({record.level, std::string(record.component),
                                  std::string(record.object_id), std::string(record.session_id),
                                  record.peer != nullptr ? record.peer->to_string() : "",
                                  std::string(record.text), record.error});
        };
    }
    [[nodiscard]] std::vector<heard_line> lines() const {
        const std::lock_guard lock(all_->mutex);
        return all_->lines;
    }
    /// The texts of those for which `which(line)`.
    template <typename Which>
    [[nodiscard]] std::vector<std::string> texts(const Which& which) const {
        std::vector<std::string> found;
        for (heard_line& each : lines()) {
            if (which(each)) {
                found.push_back(std::move(each.text));
            }
        }
        return found;
    }
    /// The texts of `component`'s.
    [[nodiscard]] std::vector<std::string> texts_of(std::string_view component) const {
        return texts([&](const heard_line& each) { return each.component == component; });
    }
    /// The texts at warning and above.
    [[nodiscard]] std::vector<std::string> warnings() const {
        return texts([](const heard_line& each) { return each.level >= log_level::warning; });
    }
    /// The first line with such a text; an empty one when there is none.
    [[nodiscard]] heard_line find(std::string_view part) const {
        const auto all = lines();
        const auto found = std::find_if(all.begin(), all.end(), [&](const heard_line& each) {
            return each.text.find(part) != std::string::npos;
        });
        return found != all.end() ? *found : heard_line{};
    }

private:
    struct heard {
        std::mutex mutex;
        std::vector<heard_line> lines;
    };

    const std::shared_ptr<heard> all_ = std::make_shared<heard>();
};

/// Replaces the sink of the process and sets its level; at the end the default sink is back, and
/// the level that was.
class heard_log : public heard_lines {
public:
    explicit heard_log(log_level from) {
        set_log_sink(sink());
        set_log_level(from);
    }
    heard_log(const heard_log&) = delete;
    heard_log& operator=(const heard_log&) = delete;
    ~heard_log() {
        set_log_level(before_);
        set_log_sink({});
    }

private:
    const log_level before_ = get_log_level();
};

/// What is logged by those who are given its output.
class heard_output : public heard_lines {
public:
    explicit heard_output(log_level from) : output(std::make_shared<log_output>(sink(), from)) {}

    const std::shared_ptr<log_output> output;
};

}  // namespace network_system::testing
