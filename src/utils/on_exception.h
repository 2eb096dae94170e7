#pragma once

#include <exception>
#include <utility>

namespace network_system::inline v0_1::detail {

/// Takes back what was done when the scope is left by an exception. `undo` does not throw.
template <typename Undo>
class on_exception {
public:
    explicit on_exception(Undo undo) noexcept : undo_(std::move(undo)) {}
    on_exception(const on_exception&) = delete;
    on_exception& operator=(const on_exception&) = delete;
    ~on_exception() {
        if (std::uncaught_exceptions() > before_) {
            undo_();
        }
    }

private:
    const Undo undo_;
    const int before_ = std::uncaught_exceptions();
};

}  // namespace network_system::detail
