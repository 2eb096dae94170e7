/// What a program's compiler has to have in common with the library's. Comes first in every public
/// header that includes no other one, so that whatever is wrong is said before anything else fails.
#pragma once

// Microsoft's compiler says in __cplusplus what it is only when it is asked to.
#ifdef _MSVC_LANG
#define NETWORK_SYSTEM_LANGUAGE _MSVC_LANG
#else
#define NETWORK_SYSTEM_LANGUAGE __cplusplus
#endif

#if NETWORK_SYSTEM_LANGUAGE <= 201703L
#error "network_system needs C++20: compile with -std=c++20 (Visual C++: /std:c++20)"
// Compilers go on after an #error, with a thousand more that follow from it. A header that is not
// there ends them.
#include <network_system-needs-C++20>
#endif

#undef NETWORK_SYSTEM_LANGUAGE

#include <network_system/export.h>

// Defines __GLIBCXX__, where that is the standard library.
#include <cstddef>

// _GLIBCXX_DEBUG makes another class of std::vector. A program and a library that do not agree on
// it would misread each other's, so such a program does not link; the missing symbol says why.
#ifdef __GLIBCXX__
namespace network_system::inline v0_1::detail {
#ifdef _GLIBCXX_DEBUG
extern NETWORK_SYSTEM_EXPORT const char library_built_with_GLIBCXX_DEBUG;
[[gnu::used]] inline constexpr const char* debug_containers = &library_built_with_GLIBCXX_DEBUG;
#else
extern NETWORK_SYSTEM_EXPORT const char library_built_without_GLIBCXX_DEBUG;
[[gnu::used]] inline constexpr const char* plain_containers = &library_built_without_GLIBCXX_DEBUG;
#endif
}  // namespace network_system::detail
#endif
