/// Makes linking fail when a translation unit and the library were compiled with different versions
/// of Asio: they would disagree about the layout of an `asio::io_context` they share. The linker
/// then reports `library_built_with_asio_<ASIO_VERSION>` as undefined.
///
/// Works in every translation unit that includes Asio and, after it, a header of the library that
/// names an `asio::io_context`: all of Asio's headers define the macro asked for below. Brings no
/// Asio with it; hence the guard instead of `#pragma once`.

#if defined(ASIO_DETAIL_CONFIG_HPP) && !defined(NETWORK_SYSTEM_ASIO_MARK)

#include <network_system/export.h>

#include <asio/version.hpp>

#define NETWORK_SYSTEM_CONCATENATE_EXPANDED(left, right) left##right
#define NETWORK_SYSTEM_CONCATENATE(left, right) NETWORK_SYSTEM_CONCATENATE_EXPANDED(left, right)
#define NETWORK_SYSTEM_ASIO_MARK NETWORK_SYSTEM_CONCATENATE(library_built_with_asio_, ASIO_VERSION)

namespace network_system::detail {

/// Defined by the library for the version it was compiled with.
extern NETWORK_SYSTEM_EXPORT const char NETWORK_SYSTEM_ASIO_MARK;

#ifdef _MSC_VER
#define NETWORK_SYSTEM_QUOTED_EXPANDED(text) #text
#define NETWORK_SYSTEM_QUOTED(text) NETWORK_SYSTEM_QUOTED_EXPANDED(text)
#pragma detect_mismatch("network_system_asio_version", NETWORK_SYSTEM_QUOTED(ASIO_VERSION))
#undef NETWORK_SYSTEM_QUOTED
#undef NETWORK_SYSTEM_QUOTED_EXPANDED
#else
[[gnu::used]] inline constexpr const char* asio_version_check = &NETWORK_SYSTEM_ASIO_MARK;
#endif

}  // namespace network_system::detail

#endif
