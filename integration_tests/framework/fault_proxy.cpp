#include "framework/fault_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

namespace integration {
namespace {

constexpr std::uint64_t wake_event = ~std::uint64_t{0};
constexpr std::uint64_t listener_event = wake_event - 1;
constexpr int backlog = 4096;

::sockaddr_in loopback_address(std::uint16_t port) {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int make_socket() {
    return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void set(int socket, int level, int option) {
    const int on = 1;
    ::setsockopt(socket, level, option, &on, sizeof on);
}

}  // namespace

/// What runs on the proxy's thread; others give it commands.
class fault_proxy::worker {
public:
    worker(std::uint16_t port, std::uint16_t server)
        : port_(port), server_(server), poll_set_(::epoll_create1(EPOLL_CLOEXEC)),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        watch(wake_, wake_event);
        listen();
        thread_ = std::thread([this] { run(); });
    }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    ~worker() {
        do_now([this] { is_over_ = true; });
        thread_.join();
        for (const auto& [id, each] : connections_) {
            each->reset(counts_);
        }
        stop_listening();
        ::close(wake_);
        ::close(poll_set_);
    }

    /// Runs it on the thread, and returns when it has.
    void do_now(const std::function<void()>& command) {
        std::unique_lock lock(mutex_);
        commands_.push_back(&command);
        const std::uint64_t number = ++commands_given_;
        const std::uint64_t one = 1;
        (void)!::write(wake_, &one, sizeof one);
        changed_.wait(lock, [&] { return commands_done_ >= number; });
    }
    template <typename Command>
    void for_each(const Command& command) {
        do_now([&] {
            for (const auto& [id, each] : connections_) {
                command(*each);
            }
        });
    }

    // Of the thread: for commands.
    void listen() {
        if (listener_ >= 0) {
            return;
        }
        listener_ = make_socket();
        set(listener_, SOL_SOCKET, SO_REUSEADDR);
        const auto local = loopback_address(port_);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const ::sockaddr*>(&local), sizeof local), 0)
            << std::generic_category().message(errno);
        EXPECT_EQ(::listen(listener_, backlog), 0) << std::generic_category().message(errno);
        watch(listener_, listener_event);
    }
    void stop_listening() {
        if (listener_ >= 0) {
            ::close(std::exchange(listener_, -1));
        }
    }
    void set_server(std::uint16_t port) { server_ = port; }
    void pass() {
        faults = {};
        after = {};
        arrivals = arrival::connected;
        for (const auto& [id, each] : connections_) {
            each->set_cut({});
        }
        listen();
    }
    [[nodiscard]] moved_bytes& moved() { return counts_; }

    /// What becomes of new connections.
    enum class arrival : std::uint8_t { connected, swallowed, rejected };
    arrival arrivals = arrival::connected;
    proxy_faults faults;
    std::optional<cut> after;

    [[nodiscard]] proxy_counts counts() {
        do_now([] {});
        const std::lock_guard lock(mutex_);
        return published_;
    }
    [[nodiscard]] std::vector<time_point> accepted_at() {
        do_now([] {});
        const std::lock_guard lock(mutex_);
        return accepted_at_;
    }
    [[nodiscard]] bool wait_for(const std::function<bool(const proxy_counts&)>& condition) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, loopback::patience, [&] { return condition(published_); });
    }

private:
    void watch(int descriptor, std::uint64_t data) const {
        ::epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = data;
        EXPECT_EQ(::epoll_ctl(poll_set_, EPOLL_CTL_ADD, descriptor, &event), 0);
    }
    void run();
    [[nodiscard]] int time_to_wait() const;
    void on_event(const ::epoll_event& event, time_point now);
    void run_commands(time_point now);
    void accept(time_point now);
    void take_in(int client, time_point now);
    [[nodiscard]] int connect_to_server() const;
    void service(std::uint32_t id, time_point now);
    void service_due(time_point now);
    void publish();

    const std::uint16_t port_;
    std::uint16_t server_;
    const int poll_set_;
    const int wake_;
    int listener_ = -1;
    bool is_over_ = false;
    std::uint32_t next_id_ = 0;
    std::map<std::uint32_t, std::unique_ptr<proxied_connection>> connections_;
    std::set<std::pair<time_point, std::uint32_t>> due_;
    proxy_counts counts_;
    std::vector<time_point> newly_accepted_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<const std::function<void()>*> commands_;
    std::uint64_t commands_given_ = 0;
    std::uint64_t commands_done_ = 0;
    proxy_counts published_;
    std::vector<time_point> accepted_at_;
    std::thread thread_;
};

void fault_proxy::worker::run() {
    std::array<::epoll_event, 256> events{};
    while (!is_over_) {
        const int count =
            ::epoll_wait(poll_set_, events.data(), static_cast<int>(events.size()), time_to_wait());
        const time_point now = std::chrono::steady_clock::now();
        for (int i = 0; i < count; ++i) {
            on_event(events.at(static_cast<std::size_t>(i)), now);
        }
        service_due(now);
        run_commands(now);
        publish();
    }
}

int fault_proxy::worker::time_to_wait() const {
    if (due_.empty()) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        due_.begin()->first - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void fault_proxy::worker::on_event(const ::epoll_event& event, time_point now) {
    if (event.data.u64 == wake_event) {
        std::uint64_t count = 0;
        (void)!::read(wake_, &count, sizeof count);
    } else if (event.data.u64 == listener_event) {
        accept(now);
    } else if (const auto found = connections_.find(proxied_connection::id_of(event.data.u64));
               found != connections_.end()) {
        found->second->on_event(proxied_connection::side_of(event.data.u64), event.events, now,
                                faults, counts_);
        service(found->first, now);
    }
}

void fault_proxy::worker::run_commands(time_point now) {
    std::vector<const std::function<void()>*> commands;
    {
        const std::lock_guard lock(mutex_);
        commands.swap(commands_);
    }
    if (commands.empty()) {
        return;
    }
    for (const auto* each : commands) {
        (*each)();
    }
    std::vector<std::uint32_t> ids;
    ids.reserve(connections_.size());
    for (const auto& each : connections_) {
        ids.push_back(each.first);
    }
    for (const std::uint32_t id : ids) {
        service(id, now);
    }
    publish();
    const std::lock_guard lock(mutex_);
    commands_done_ += commands.size();
    changed_.notify_all();
}

void fault_proxy::worker::accept(time_point now) {
    while (listener_ >= 0) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            take_in(client, now);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            ADD_FAILURE() << "the proxy cannot accept: " << std::generic_category().message(errno);
            stop_listening();
        }
    }
}

void fault_proxy::worker::take_in(int client, time_point now) {
    ++counts_.accepted;
    newly_accepted_.push_back(now);
    set(client, IPPROTO_TCP, TCP_NODELAY);
    const int server = arrivals == arrival::connected ? connect_to_server() : -1;
    const std::uint32_t id = next_id_++;
    auto made = std::make_unique<proxied_connection>(client, server, poll_set_, id);
    if (arrivals == arrival::swallowed) {
        made->black_hole();
    } else if (arrivals == arrival::rejected) {
        ++counts_.rejected;
        made->reset(counts_);
        return;
    } else if (server < 0) {
        ++counts_.failed_connects;
        made->reset(counts_);
        return;
    }
    made->set_cut(after);
    connections_.emplace(id, std::move(made));
    service(id, now);
}

/// -1 when nobody listens there.
int fault_proxy::worker::connect_to_server() const {
    if (server_ == 0) {
        return -1;
    }
    const int server = make_socket();
    set(server, IPPROTO_TCP, TCP_NODELAY);
    const auto to = loopback_address(server_);
    if (::connect(server, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
        ::close(server);
        return -1;
    }
    return server;
}

void fault_proxy::worker::service(std::uint32_t id, time_point now) {
    proxied_connection& one = *connections_.at(id);
    const auto next = one.service(now, faults, counts_);
    if (one.wake_at) {
        due_.erase({*one.wake_at, id});
    }
    one.wake_at = next;
    if (next) {
        due_.emplace(*next, id);
    }
    if (one.is_closed()) {
        connections_.erase(id);
    }
}

/// Each that is due once: what it has to write next waits for the others.
void fault_proxy::worker::service_due(time_point now) {
    std::vector<std::uint32_t> ids;
    for (auto each = due_.begin(); each != due_.end() && each->first <= now; ++each) {
        ids.push_back(each->second);
    }
    for (const std::uint32_t id : ids) {
        service(id, now);
    }
}

void fault_proxy::worker::publish() {
    counts_.open = connections_.size();
    const std::lock_guard lock(mutex_);
    published_ = counts_;
    accepted_at_.insert(accepted_at_.end(), newly_accepted_.begin(), newly_accepted_.end());
    newly_accepted_.clear();
    changed_.notify_all();
}

fault_proxy::fault_proxy(std::uint16_t server)
    : worker_(std::make_unique<worker>(port_.number(), server)) {}

fault_proxy::~fault_proxy() = default;

void fault_proxy::set_server(std::uint16_t port) {
    worker_->do_now([&] { worker_->set_server(port); });
}

void fault_proxy::pass() {
    worker_->do_now([&] { worker_->pass(); });
}

void fault_proxy::shape(way direction, const flow_faults& faults) {
    worker_->do_now([&] { worker_->faults.flows[index_of(direction)] = faults; });
}

void fault_proxy::shape(const flow_faults& faults) {
    worker_->do_now([&] { worker_->faults.flows = {faults, faults}; });
}

void fault_proxy::hold() {
    worker_->do_now([&] { worker_->faults.is_held = true; });
}

void fault_proxy::black_hole() {
    worker_->do_now([&] { worker_->arrivals = worker::arrival::swallowed; });
    worker_->for_each([](proxied_connection& each) { each.black_hole(); });
}

void fault_proxy::reject() {
    worker_->do_now([&] { worker_->arrivals = worker::arrival::rejected; });
}

void fault_proxy::refuse() {
    worker_->do_now([&] { worker_->stop_listening(); });
}

void fault_proxy::reset_all() {
    worker_->for_each([&](proxied_connection& each) { each.reset(worker_->moved()); });
}

void fault_proxy::reset_after(way direction, std::uint64_t bytes) {
    cut_after({direction, bytes, true});
}

void fault_proxy::truncate_after(way direction, std::uint64_t bytes) {
    cut_after({direction, bytes, false});
}

void fault_proxy::cut_after(const cut& what) {
    worker_->do_now([&] { worker_->after = what; });
    worker_->for_each([&](proxied_connection& each) { each.set_cut(what); });
}

void fault_proxy::half_close(way direction) {
    const auto now = std::chrono::steady_clock::now();
    worker_->for_each([&](proxied_connection& each) { each.half_close(direction, now); });
}

proxy_counts fault_proxy::counts() const {
    return worker_->counts();
}

std::vector<fault_proxy::time_point> fault_proxy::accepted_at() const {
    return worker_->accepted_at();
}

bool fault_proxy::wait_for(const std::function<bool(const proxy_counts&)>& condition) const {
    return worker_->wait_for(condition);
}

}  // namespace integration
