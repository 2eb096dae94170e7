/// Makes linking fail when a translation unit and the library were compiled with Asios that differ
/// in what they share, an `asio::io_context` and its services: in version, or in a macro that
/// changes their layout or what their functions do. The linker then reports
/// `library_built_with_asio_<ASIO_VERSION><what was chosen>` as undefined.
///
/// Works in every translation unit that includes Asio and, after it, a header of the library that
/// names an `asio::io_context`: all of Asio's headers define the macro asked for below. Brings no
/// Asio with it; hence the guard instead of `#pragma once`.

#if defined(ASIO_DETAIL_CONFIG_HPP) && !defined(NETWORK_SYSTEM_ASIO_MARK)

#include <network_system/export.h>

#include <asio/version.hpp>

// What has to be equal. Each part is empty where Asio is as it comes.

// Every operation and handler is larger.
#ifdef ASIO_ENABLE_HANDLER_TRACKING
#define NETWORK_SYSTEM_ASIO_TRACKING _handler_tracking
#else
#define NETWORK_SYSTEM_ASIO_TRACKING
#endif
// Mutexes and events are empty classes.
#ifdef ASIO_HAS_THREADS
#define NETWORK_SYSTEM_ASIO_THREADS
#else
#define NETWORK_SYSTEM_ASIO_THREADS _no_threads
#endif
// Which reactor a context has, and so what is in a socket.
#if defined(ASIO_HAS_IO_URING_AS_DEFAULT)
#define NETWORK_SYSTEM_ASIO_REACTOR _io_uring_as_default
#elif defined(ASIO_HAS_IO_URING)
#define NETWORK_SYSTEM_ASIO_REACTOR _io_uring
#elif defined(__linux__) && !defined(ASIO_HAS_EPOLL)
#define NETWORK_SYSTEM_ASIO_REACTOR _no_epoll
#elif defined(ASIO_DISABLE_KQUEUE)
#define NETWORK_SYSTEM_ASIO_REACTOR _no_kqueue
#elif defined(ASIO_DISABLE_DEV_POLL)
#define NETWORK_SYSTEM_ASIO_REACTOR _no_dev_poll
#elif defined(ASIO_DISABLE_IOCP)
#define NETWORK_SYSTEM_ASIO_REACTOR _no_iocp
#else
#define NETWORK_SYSTEM_ASIO_REACTOR
#endif
// What wakes it.
#if defined(__linux__) && !defined(ASIO_HAS_EVENTFD)
#define NETWORK_SYSTEM_ASIO_WAKING _no_eventfd
#else
#define NETWORK_SYSTEM_ASIO_WAKING
#endif
#if defined(__linux__) && !defined(ASIO_HAS_TIMERFD)
#define NETWORK_SYSTEM_ASIO_TIMING _no_timerfd
#else
#define NETWORK_SYSTEM_ASIO_TIMING
#endif
// What every thread that runs a context has, and how memory that one part of the program allocates
// and another frees is laid out.
#ifdef ASIO_NO_EXCEPTIONS
#define NETWORK_SYSTEM_ASIO_EXCEPTIONS _no_exceptions
#elif defined(ASIO_DISABLE_STD_EXCEPTION_PTR)
#define NETWORK_SYSTEM_ASIO_EXCEPTIONS _no_exception_ptr
#else
#define NETWORK_SYSTEM_ASIO_EXCEPTIONS
#endif
#ifdef ASIO_DISABLE_SMALL_BLOCK_RECYCLING
#define NETWORK_SYSTEM_ASIO_RECYCLING _no_small_block_recycling
#elif defined(ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE) && ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE != 2
#define NETWORK_SYSTEM_ASIO_RECYCLING _other_recycling_cache
#else
#define NETWORK_SYSTEM_ASIO_RECYCLING
#endif
#if defined(ASIO_DISABLE_STD_ALIGNED_ALLOC) || defined(ASIO_DISABLE_ALIGNOF)
#define NETWORK_SYSTEM_ASIO_ALIGNMENT _no_aligned_alloc
#else
#define NETWORK_SYSTEM_ASIO_ALIGNMENT
#endif
// The service that strands share, and the order in which handlers see memory.
#if defined(ASIO_STRAND_IMPLEMENTATIONS) && ASIO_STRAND_IMPLEMENTATIONS != 193
#define NETWORK_SYSTEM_ASIO_STRANDS _other_strand_implementations
#elif defined(ASIO_ENABLE_SEQUENTIAL_STRAND_ALLOCATION)
#define NETWORK_SYSTEM_ASIO_STRANDS _sequential_strand_allocation
#else
#define NETWORK_SYSTEM_ASIO_STRANDS
#endif
#ifdef ASIO_DISABLE_FENCED_BLOCK
#define NETWORK_SYSTEM_ASIO_FENCES _no_fenced_block
#else
#define NETWORK_SYSTEM_ASIO_FENCES
#endif
// The executor that a socket and a timer have when none is named.
#if defined(ASIO_USE_TS_EXECUTOR_AS_DEFAULT)
#define NETWORK_SYSTEM_ASIO_EXECUTORS _ts_executor_as_default
#elif defined(ASIO_NO_TS_EXECUTORS)
#define NETWORK_SYSTEM_ASIO_EXECUTORS _no_ts_executors
#else
#define NETWORK_SYSTEM_ASIO_EXECUTORS
#endif
// By what a context finds its services.
#ifdef ASIO_NO_TYPEID
#define NETWORK_SYSTEM_ASIO_TYPES _no_typeid
#else
#define NETWORK_SYSTEM_ASIO_TYPES
#endif

#define NETWORK_SYSTEM_JOINED(a, b, c, d, e, f, g, h, i, j, k, l, m, n) \
    a##b##c##d##e##f##g##h##i##j##k##l##m##n
#define NETWORK_SYSTEM_JOIN(a, b, c, d, e, f, g, h, i, j, k, l, m, n) \
    NETWORK_SYSTEM_JOINED(a, b, c, d, e, f, g, h, i, j, k, l, m, n)
#define NETWORK_SYSTEM_ASIO_MARK                                                                   \
    NETWORK_SYSTEM_JOIN(                                                                           \
        library_built_with_asio_, ASIO_VERSION, NETWORK_SYSTEM_ASIO_TRACKING,                      \
        NETWORK_SYSTEM_ASIO_THREADS, NETWORK_SYSTEM_ASIO_REACTOR, NETWORK_SYSTEM_ASIO_WAKING,      \
        NETWORK_SYSTEM_ASIO_TIMING, NETWORK_SYSTEM_ASIO_EXCEPTIONS, NETWORK_SYSTEM_ASIO_RECYCLING, \
        NETWORK_SYSTEM_ASIO_ALIGNMENT, NETWORK_SYSTEM_ASIO_STRANDS, NETWORK_SYSTEM_ASIO_FENCES,    \
        NETWORK_SYSTEM_ASIO_EXECUTORS, NETWORK_SYSTEM_ASIO_TYPES)

namespace network_system::inline v0_1::detail {

/// Defined by the library for the Asio it was compiled with.
extern NETWORK_SYSTEM_EXPORT const char NETWORK_SYSTEM_ASIO_MARK;

#ifdef _MSC_VER
#define NETWORK_SYSTEM_QUOTED_EXPANDED(text) #text
#define NETWORK_SYSTEM_QUOTED(text) NETWORK_SYSTEM_QUOTED_EXPANDED(text)
#pragma detect_mismatch("network_system_asio", NETWORK_SYSTEM_QUOTED(NETWORK_SYSTEM_ASIO_MARK))
#undef NETWORK_SYSTEM_QUOTED
#undef NETWORK_SYSTEM_QUOTED_EXPANDED
#else
[[gnu::used]] inline constexpr const char* asio_version_check = &NETWORK_SYSTEM_ASIO_MARK;
#endif

}  // namespace network_system::detail

#endif
