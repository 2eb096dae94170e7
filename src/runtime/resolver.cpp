#include "runtime/resolver.h"

#include "os/socket_platform.h"
#include "utils/contain.h"
#include "utils/host.h"
#include "utils/process.h"
#include "utils/threads.h"

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::runtime {

struct name_question {
    std::shared_ptr<loop> target;
    std::string host;
    std::uint16_t port = 0;
    // Guarded by the threads' mutex; empty once answered or withdrawn.
    unique_function<void(resolve_result)> answer;
    std::list<std::shared_ptr<name_question>>::iterator place;
    bool is_queued = false;
    // On its way to the loop.
    resolve_result result;
};

namespace {

/// Whether a name that was not found may have an address of the family that was not asked for,
/// because no interface but the loopback has one of it. A name that does not exist has none, and a
/// name server that does not answer does not answer the second time either.
bool may_have_other_family(int status, const std::string& host) noexcept {
#ifdef EAI_NODATA
    if (status == EAI_NODATA) {
        return true;
    }
#endif
#ifdef EAI_ADDRFAMILY
    if (status == EAI_ADDRFAMILY) {
        return true;
    }
#endif
    // RFC 6761 section 6.3: it always exists. The others are what Debian calls it.
    return status == EAI_NONAME && (host == "localhost" || host.ends_with(".localhost") ||
                                    host == "ip6-localhost" || host == "ip6-loopback");
}

/// What getaddrinfo has answered, in words. Called before anything else can change errno.
std::string describe_status(int status) {
#ifdef EAI_SYSTEM
    if (status == EAI_SYSTEM) {
        return sockets::last_error().message();
    }
#endif
    return ::gai_strerror(status);
}

resolve_result look_up(const std::string& host, std::uint16_t port) {
    ::addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
#ifdef AI_ADDRCONFIG
    hints.ai_flags = AI_ADDRCONFIG;
#endif
    ::addrinfo* found = nullptr;
    int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (hints.ai_flags != 0 && may_have_other_family(status, host)) {
        hints.ai_flags = 0;
        status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    }
    resolve_result result;
    if (status != 0) {
        result.error = describe_status(status);
        return result;
    }
    const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> freed(found, &::freeaddrinfo);
    for (const ::addrinfo* each = found; each != nullptr; each = each->ai_next) {
        const endpoint address = sockets::endpoint_of(*each, port);
        if (address.kind() != endpoint::family::unspecified &&
            std::find(result.endpoints.begin(), result.endpoints.end(), address) ==
                result.endpoints.end()) {
            result.endpoints.push_back(address);
        }
    }
    if (result.endpoints.empty()) {
        result.error = "the name has no IPv4 or IPv6 address";
    }
    return result;
}

/// What needs no resolver.
resolve_result look_at(const detail::host& numeric, std::uint16_t port) {
    const endpoint address = sockets::address_of(numeric, port);
    if (address.kind() == endpoint::family::unspecified) {
        return {{}, "there is no network interface '" + numeric.zone() + "'"};
    }
    return {{address}, {}};
}

/// On a thread of its own, which has nobody to throw to.
resolve_result look_up_within_memory(const std::string& host, std::uint16_t port) noexcept {
    try {
        return look_up(host, port);
    } catch (const std::bad_alloc&) {
        return {{}, "out of memory"};  // the text fits a string that allocates nothing
    }
}

void deliver(const std::shared_ptr<loop>& target, unique_function<void(resolve_result)> answer,
             resolve_result result) {
    target->post([answer = std::move(answer), result = std::move(result)]() mutable {
        answer(std::move(result));
    });
}

/// The threads that are inside getaddrinfo, and the questions that wait for one.
class resolver_threads {
public:
    using question_ptr = std::shared_ptr<name_question>;

    /// Never destroyed: its threads may outlive every static object.
    [[nodiscard]] static resolver_threads& instance() {
        return detail::per_process<resolver_threads>::get();
    }

    void ask(const question_ptr& question) {
        {
            const std::lock_guard lock(mutex_);
            if (running_ == max_resolver_threads) {
                question->place = waiting_.insert(waiting_.end(), question);
                question->is_queued = true;
                return;
            }
            ++running_;
        }
        try {
            detail::make_thread("net-resolve", [this, question] { run(question); }).detach();
        } catch (const std::bad_alloc&) {
            record_no_thread();
            throw;
        } catch (const std::system_error& failure) {
            record_no_thread();
            answer(question, {{}, std::string("no thread to resolve on: ") + failure.what()});
        }
    }

    void withdraw(const question_ptr& question) {
        unique_function<void(resolve_result)> dropped;  // freed after the lock is released
        const std::lock_guard lock(mutex_);
        dropped = std::exchange(question->answer, nullptr);
        if (std::exchange(question->is_queued, false)) {
            waiting_.erase(question->place);
        }
    }

private:
    /// Answers on the loop. Dropped by a loop that has shut down, it lets go of what would have
    /// been told.
    class delivery {
    public:
        delivery(resolver_threads& owner, question_ptr question) noexcept
            : owner_(owner), question_(std::move(question)) {}
        delivery(delivery&&) noexcept = default;
        delivery(const delivery&) = delete;
        delivery& operator=(delivery&&) = delete;
        delivery& operator=(const delivery&) = delete;
        ~delivery() {
            if (question_) {
                (void)owner_.take_answer(*question_);
            }
        }

        void operator()() {
            if (const auto receiver = owner_.take_answer(*question_)) {
                receiver(std::move(question_->result));
            }
        }

    private:
        resolver_threads& owner_;
        question_ptr question_;
    };

    void record_no_thread() {
        const std::lock_guard lock(mutex_);
        --running_;
    }

    void run(question_ptr question) {
        while (question) {
            answer(question, look_up_within_memory(question->host, question->port));
            question = next();
        }
    }

    /// Unless it was withdrawn.
    void answer(const question_ptr& question, resolve_result result) {
        question->result = std::move(result);
        unique_function<void()> task = delivery(*this, question);
        detail::insist([&] { question->target->post(std::move(task)); });
    }

    [[nodiscard]] unique_function<void(resolve_result)> take_answer(name_question& question) {
        const std::lock_guard lock(mutex_);
        return std::exchange(question.answer, nullptr);
    }

    /// The next question for a thread that is free; none: the thread ends.
    [[nodiscard]] question_ptr next() {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            --running_;
            return nullptr;
        }
        auto question = std::move(waiting_.front());
        waiting_.pop_front();
        question->is_queued = false;
        return question;
    }

    std::mutex mutex_;
    std::size_t running_ = 0;
    std::list<question_ptr> waiting_;
};

}  // namespace

std::shared_ptr<name_question> resolve(const std::shared_ptr<loop>& target, const std::string& host,
                                       std::uint16_t port,
                                       unique_function<void(resolve_result)> answer) {
    const auto parsed = detail::host::parse(host);
    if (!parsed) {
        deliver(target, std::move(answer), {{}, parsed.error().message});
        return nullptr;
    }
    if (!parsed.value().is_name()) {
        deliver(target, std::move(answer), look_at(parsed.value(), port));
        return nullptr;
    }
    auto question = std::make_shared<name_question>();
    question->target = target;
    question->host = host;
    question->port = port;
    question->answer = std::move(answer);
    resolver_threads::instance().ask(question);
    return question;
}

void withdraw(const std::shared_ptr<name_question>& question) {
    if (question) {
        resolver_threads::instance().withdraw(question);
    }
}

}  // namespace network_system::runtime
