#pragma once

#include <cstddef>  // says which C library it is

/// What the compiler cannot know about hot paths.

#ifdef __GNUC__
#define NETWORK_ALWAYS_INLINE [[gnu::always_inline]] inline
/// For the rest of a hot path: kept apart, it costs that no registers.
#define NETWORK_NEVER_INLINE [[gnu::noinline]]
/// What it calls is inlined into it, however much that is: for small steps of another library's.
#define NETWORK_INLINE_CALLS [[gnu::flatten]]
#elif defined(_MSC_VER)
#define NETWORK_ALWAYS_INLINE __forceinline
#define NETWORK_NEVER_INLINE __declspec(noinline)
#define NETWORK_INLINE_CALLS
#else
#define NETWORK_ALWAYS_INLINE inline
#define NETWORK_NEVER_INLINE
#define NETWORK_INLINE_CALLS
#endif

/// For thread-local variables that are looked at for each message. In position-independent code
/// that is a call otherwise. Where the C library keeps room for them, also in a library that is
/// loaded later: few and small ones only.
#ifdef __GLIBC__
#define NETWORK_FAST_TLS [[gnu::tls_model("initial-exec")]]
#else
#define NETWORK_FAST_TLS
#endif
