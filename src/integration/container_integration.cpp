#include "utils/failure.h"
#include "utils/process.h"
#include "utils/user_code.h"

#include <network_system/integration/container_integration.h>
#include <network_system/utils/log.h>

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::integration {
namespace {

using network_system::detail::failure_in_words;

constexpr std::string_view manager_source = "container_manager";

container_ptr first_default() {
#if NETWORK_SYSTEM_WITH_MSGPACK
    return std::make_shared<const basic_container>();
#else
    return nullptr;
#endif
}

struct containers {
    std::mutex mutex;
    std::map<std::string, container_ptr, std::less<>> named;
    const container_ptr first = first_default();
    container_ptr standard = first;
    // `first` while it is the default: it lives as long as the process, and needs no lock.
    std::atomic<const container_interface*> unchanged{first.get()};
};

containers& known_containers() {
    return network_system::detail::per_process<containers>::get();
}

}  // namespace

container_manager& container_manager::instance() {
    static container_manager only;
    return only;
}

VoidResult container_manager::register_container(std::string_view name,
                                                 const container_ptr& container) {
    if (name.empty() || !container) {
        return failure_in_words(errc::invalid_argument, "a container and its name are needed",
                                manager_source);
    }
    auto& all = known_containers();
    const std::lock_guard lock(all.mutex);
    if (!all.named.try_emplace(std::string(name), container).second) {
        return failure_in_words(errc::already_exists,
                                fmt::format("there is a container '{}' already", name),
                                manager_source);
    }
    return ok();
}

discardable_result container_manager::unregister_container(std::string_view name) {
    auto& all = known_containers();
    container_ptr gone;
    const std::lock_guard lock(all.mutex);
    const auto found = all.named.find(name);
    if (found == all.named.end()) {
        return VoidResult(failure_in_words(errc::session_not_found,
                                           fmt::format("there is no container '{}'", name),
                                           manager_source));
    }
    gone = std::move(found->second);
    all.named.erase(found);
    return ok();
}

container_ptr container_manager::get_container(std::string_view name) const {
    auto& all = known_containers();
    const std::lock_guard lock(all.mutex);
    const auto found = all.named.find(name);
    return found != all.named.end() ? found->second : nullptr;
}

std::vector<std::string> container_manager::list_containers() const {
    auto& all = known_containers();
    const std::lock_guard lock(all.mutex);
    std::vector<std::string> names;
    names.reserve(all.named.size());
    for (const auto& [name, each] : all.named) {
        names.push_back(name);
    }
    return names;
}

void container_manager::set_default_container(container_ptr container) {
    auto& all = known_containers();
    if (!container) {
        container = all.first;
    }
    const std::lock_guard lock(all.mutex);
    all.unchanged = container == all.first ? all.first.get() : nullptr;
    all.standard.swap(container);
}

container_ptr container_manager::get_default_container() const {
    auto& all = known_containers();
    const std::lock_guard lock(all.mutex);
    return all.standard;
}

namespace detail {
namespace {

// Of a message that was larger, the memory is given back.
constexpr std::size_t most_kept = std::size_t{64} * 1024;

thread_local std::vector<std::uint8_t> spare;

/// What a container answers. What it throws is an error that names it.
template <typename Call>
auto call(const container_ptr& named, const Call& work)
    -> std::invoke_result_t<const Call&, const container_interface&> {
    container_ptr held;
    const container_interface* which =
        named ? named.get() : known_containers().unchanged.load(std::memory_order_acquire);
    if (which == nullptr) {
        auto found = container_for(named);
        if (found.is_err()) {
            return std::move(found).error();
        }
        held = std::move(found).value();
        which = held.get();
    }
    const container_interface& container = *which;
    try {
        return work(container);
    } catch (...) {
        const auto thrown = network_system::detail::describe_current();
        return failure_in_words(
            thrown.code, fmt::format("the container {} threw: {}", container.name(), thrown.text),
            manager_source);
    }
}

VoidResult write(const value& what, const container_ptr& named, std::vector<std::uint8_t>& to) {
    return call(named, [&](const container_interface& container) -> VoidResult {
        return container.serialize(what, to);
    });
}

}  // namespace

Result<container_ptr> container_for(const container_ptr& named) {
    if (named) {
        return named;
    }
    if (auto standard = container_manager::instance().get_default_container()) {
        return standard;
    }
    return failure_in_words(errc::not_initialized,
                            "there is no container: this library was built without MessagePack, "
                            "and set_default_container was not called",
                            manager_source);
}

serialized::serialized(const value& what, const container_ptr& named)
    : bytes_(std::exchange(spare, {})), result_(write(what, named, bytes_)) {}

serialized::~serialized() {
    if (bytes_.capacity() <= most_kept) {
        bytes_.clear();
        spare = std::move(bytes_);
    }
}

Result<std::vector<std::uint8_t>> serialize(const value& what, const container_ptr& named) {
    std::vector<std::uint8_t> bytes;
    if (auto written = write(what, named, bytes); written.is_err()) {
        return std::move(written).error();
    }
    return bytes;
}

Result<value> deserialize(std::span<const std::uint8_t> data, const container_ptr& named) {
    return call(named,
                [&](const container_interface& container) { return container.deserialize(data); });
}

void log_wrong_value(const session::messaging_session& session, const error_info& why) noexcept {
    if (get_log_level() > log_level::debug) {
        return;
    }
    log_record record;
    record.level = log_level::debug;
    record.component = "on_value";
    record.session_id = session.id();
    record.peer = &session.remote_endpoint();
    record.text = why.message;
    write_log(record);
}

}  // namespace detail
}  // namespace network_system::integration
