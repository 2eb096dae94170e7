#include <network_system/internal/build_checks.h>

#ifdef __GLIBCXX__
namespace network_system::inline v0_1::detail {
#ifdef _GLIBCXX_DEBUG
const char library_built_with_GLIBCXX_DEBUG = 0;
#else
const char library_built_without_GLIBCXX_DEBUG = 0;
#endif
}  // namespace network_system::detail
#endif
