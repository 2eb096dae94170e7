#include "utils/process.h"

#include <network_system/core/metrics_fields.h>
#include <network_system/integration/messaging_bridge.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

/// The objects of one kind that there are, and the sum of what those had counted that are gone.
template <typename Object, typename Metrics>
class counted {
public:
    void add(Object* made) { there_.push_back(made); }
    void remove(Object* ending) {
        network_system::add(gone_, ending->metrics());
        std::erase(there_, ending);
    }
    [[nodiscard]] std::size_t size() const noexcept { return there_.size(); }
    [[nodiscard]] Metrics sum() const {
        Metrics all = gone_;
        for (const Object* each : there_) {
            network_system::add(all, each->metrics());
        }
        return all;
    }
    [[nodiscard]] Metrics since_reset() const { return difference(sum(), before_); }
    void reset() { before_ = sum(); }

private:
    std::vector<Object*> there_;
    Metrics gone_{};
    Metrics before_{};
};

using counted_servers = counted<core::messaging_server, core::server_metrics>;
using counted_clients = counted<core::messaging_client, core::client_metrics>;

}  // namespace

class messaging_bridge::impl : public std::enable_shared_from_this<impl> {
public:
    template <typename Object, typename Options>
    [[nodiscard]] std::shared_ptr<Object> create(const std::string& id, Options&& options) {
        {
            const std::lock_guard lock(mutex_);
            if (pool_ && !options.callback_pool) {
                options.callback_pool = pool_;
            }
        }
        auto made = std::make_unique<Object>(id, std::forward<Options>(options));
        {
            const std::lock_guard lock(mutex_);
            all<Object>().add(made.get());
        }
        return {made.release(), [self = shared_from_this()](Object* ending) {
                    const std::unique_ptr<Object> last(ending);
                    stop(*ending);
                    const std::lock_guard lock(self->mutex_);
                    self->template all<Object>().remove(ending);
                }};
    }

    void set_thread_pool(std::shared_ptr<thread_pool_interface> pool) {
        const std::lock_guard lock(mutex_);
        pool_.swap(pool);
    }
    [[nodiscard]] std::shared_ptr<thread_pool_interface> thread_pool() const {
        const std::lock_guard lock(mutex_);
        return pool_;
    }
    void set_container(container_ptr container) {
        const std::lock_guard lock(mutex_);
        container_.swap(container);
    }
    [[nodiscard]] container_ptr container() const {
        const std::lock_guard lock(mutex_);
        return container_;
    }

    [[nodiscard]] bridge_metrics metrics() const {
        const std::lock_guard lock(mutex_);
        return {servers_.size(), clients_.size(), servers_.since_reset(), clients_.since_reset()};
    }
    void reset_metrics() {
        const std::lock_guard lock(mutex_);
        servers_.reset();
        clients_.reset();
    }

    [[nodiscard]] bool belongs_here() const noexcept { return made_in_.is_here(); }

private:
    static void stop(core::messaging_server& server) { static_cast<void>(server.stop_server()); }
    static void stop(core::messaging_client& client) { static_cast<void>(client.stop_client()); }

    template <typename Object>
    [[nodiscard]] auto& all() noexcept {
        if constexpr (std::is_same_v<Object, core::messaging_server>) {
            return servers_;
        } else {
            return clients_;
        }
    }

    mutable std::mutex mutex_;
    std::shared_ptr<thread_pool_interface> pool_;
    container_ptr container_;
    counted_servers servers_;
    counted_clients clients_;
    const network_system::detail::origin made_in_;
};

messaging_bridge::messaging_bridge() : impl_(std::make_shared<impl>()) {}

messaging_bridge::~messaging_bridge() = default;

std::shared_ptr<core::messaging_server> messaging_bridge::create_server(
    const std::string& server_id, core::server_options options) {
    return impl_->create<core::messaging_server>(server_id, std::move(options));
}

std::shared_ptr<core::messaging_client> messaging_bridge::create_client(
    const std::string& client_id, core::client_options options) {
    return impl_->create<core::messaging_client>(client_id, std::move(options));
}

void messaging_bridge::set_thread_pool(std::shared_ptr<thread_pool_interface> pool) {
    impl_->set_thread_pool(std::move(pool));
}

std::shared_ptr<thread_pool_interface> messaging_bridge::get_thread_pool() const {
    return impl_->thread_pool();
}

void messaging_bridge::set_container(container_ptr container) {
    impl_->set_container(std::move(container));
}

container_ptr messaging_bridge::get_container() const {
    auto own = impl_->container();
    return own ? own : container_manager::instance().get_default_container();
}

bridge_metrics messaging_bridge::get_metrics() const {
    return impl_->metrics();
}

void messaging_bridge::reset_metrics() {
    impl_->reset_metrics();
}

bool messaging_bridge::is_initialized() const noexcept {
    return impl_->belongs_here();
}

}  // namespace network_system::integration
