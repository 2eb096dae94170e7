#include <network_system/session/messaging_session.h>

#include <mutex>
#include <utility>

namespace network_system::session {

messaging_session::messaging_session(std::string id, const endpoint& remote, const endpoint& local)
    : id_(std::move(id)), remote_(remote), local_(local) {}

messaging_session::~messaging_session() = default;

void messaging_session::set_user_data(std::shared_ptr<void> data) {
    const std::lock_guard lock(user_data_mutex_);
    // Swapped, so that the old value's destructor (user code) runs after the lock is released.
    user_data_.swap(data);
}

std::shared_ptr<void> messaging_session::user_data() const {
    const std::lock_guard lock(user_data_mutex_);
    return user_data_;
}

}  // namespace network_system::session
