#pragma once

// clang-format off
// Before Asio, which looks at what the standard library defines and includes nothing of it first:
// else Asio would allocate here otherwise than what frees it elsewhere.
#include <cstddef>
// clang-format on

#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <optional>
#include <utility>

#if defined(_GLIBCXX_HAVE_ALIGNED_ALLOC) && !defined(ASIO_HAS_STD_ALIGNED_ALLOC) && \
    !defined(ASIO_DISABLE_STD_ALIGNED_ALLOC)
#error "Asio was included before the standard library: see above."
#endif

namespace network_system::inline v0_1::runtime {

/// Runs the handlers of one loop one at a time: directly when a single thread runs the io_context,
/// through a strand when there may be several.
class serial_executor {
public:
    serial_executor(asio::io_context& context, bool is_single_threaded) : context_(&context) {
        if (!is_single_threaded) {
            strand_.emplace(context.get_executor());
        }
    }

    [[nodiscard]] asio::io_context& context() const noexcept { return *context_; }

    /// For completion handlers, which run on any thread of the context.
    template <typename Work>
    void run(Work work) const {
        if (strand_) {
            asio::dispatch(*strand_, std::move(work));
        } else {
            work();
        }
    }

    template <typename Work>
    void post(Work work) const {
        if (strand_) {
            asio::post(*strand_, std::move(work));
        } else {
            asio::post(*context_, std::move(work));
        }
    }

private:
    asio::io_context* context_;
    std::optional<asio::strand<asio::io_context::executor_type>> strand_;
};

}  // namespace network_system::runtime
