#pragma once

#include <network_system/utils/endpoint.h>
#include <network_system/utils/typed_pointer.h>
#include <network_system/utils/unique_function.h>

#include <memory>
#include <utility>

namespace network_system::inline v0_1::core {

/// What a server does with a connection that has come in and on which nothing has been said yet.
/// Unless told otherwise it is accepted.
///
/// Thread-safety: none; used during the call it is given to.
class accept_answer {
public:
    /// Turns the connection away: see the `set_accept_callback` of the server for what the client
    /// hears. Its user data is freed.
    void reject() noexcept { is_accepted_ = false; }
    [[nodiscard]] bool is_accepted() const noexcept { return is_accepted_; }

    /// Becomes the `user_data` of the session, which has it before any other callback of the
    /// connection runs. Freed with the session, or at once when there will be none.
    void set_user_data(typed_pointer data) noexcept { user_data_ = std::move(data); }
    [[nodiscard]] const std::shared_ptr<void>& user_data() const noexcept {
        return user_data_.get();
    }
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> user_data() const noexcept {
        return user_data_.as<T>();
    }
    [[nodiscard]] const typed_pointer& typed_user_data() const noexcept { return user_data_; }

private:
    typed_pointer user_data_;
    bool is_accepted_ = true;
};

/// `callback(client, answer)`.
using accept_callback = unique_function<void(const endpoint& client, accept_answer&)>;

}  // namespace network_system::core
