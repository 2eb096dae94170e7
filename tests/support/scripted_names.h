// Names that the system's resolver finds, refuses or keeps waiting for as a test says. What stands
// in for getaddrinfo is in scripted_names.cpp.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

class scripted_name {
public:
    /// Resolves to these numeric addresses, in this order; to an error when there is none.
    scripted_name(std::string name, std::vector<std::string> addresses)
        : name_(std::move(name)), addresses_(std::move(addresses)) {
        const std::lock_guard lock(script().mutex);
        script().names[name_] = this;
    }
    scripted_name(const scripted_name&) = delete;
    scripted_name& operator=(const scripted_name&) = delete;
    ~scripted_name() {
        std::unique_lock lock(script().mutex);
        is_held_ = false;
        script().changed.notify_all();
        script().changed.wait(lock, [this] { return inside_ == 0; });
        script().names.erase(name_);
    }

    [[nodiscard]] const std::string& text() const noexcept { return name_; }
    /// From now on the resolver answers with this status and this errno instead.
    void fail_with(int status, int error = 0) {
        const std::lock_guard lock(script().mutex);
        failure_ = {status, error};
    }
    /// From now on who asks has to wait, as for a name server that does not answer.
    void hold() {
        const std::lock_guard lock(script().mutex);
        is_held_ = true;
    }
    void release_self() {
        const std::lock_guard lock(script().mutex);
        is_held_ = false;
        script().changed.notify_all();
    }
    void wait_until_asked(int askers = 1) {
        std::unique_lock lock(script().mutex);
        script().changed.wait(lock, [&] { return inside_ >= askers; });
    }
    /// How often it was asked for.
    [[nodiscard]] int asked() const {
        const std::lock_guard lock(script().mutex);
        return asked_;
    }

    /// A status of getaddrinfo, 0 = none, and errno.
    struct failure {
        int status = 0;
        int error = 0;
    };
    /// Whether the name is a scripted one; waits for its addresses, or for how it fails.
    [[nodiscard]] static bool answer(const std::string& name, std::vector<std::string>& addresses,
                                     failure& failed) {
        std::unique_lock lock(script().mutex);
        const auto found = script().names.find(name);
        if (found == script().names.end()) {
            return false;
        }
        scripted_name& self = *found->second;
        ++self.inside_;
        ++self.asked_;
        script().changed.notify_all();
        script().changed.wait(lock, [&] { return !self.is_held_; });
        addresses = self.addresses_;
        failed = self.failure_;
        --self.inside_;
        script().changed.notify_all();
        return true;
    }

private:
    struct shared_script {
        std::mutex mutex;
        std::condition_variable changed;
        std::map<std::string, scripted_name*> names;
    };
    // Never destroyed: a resolver's thread may still be at it while the process exits.
    [[nodiscard]] static shared_script& script() {
        static auto* const all = new shared_script;
        return *all;
    }

    std::string name_;
    std::vector<std::string> addresses_;
    failure failure_;
    bool is_held_ = false;
    int inside_ = 0;
    int asked_ = 0;
};

}  // namespace network_system::testing
