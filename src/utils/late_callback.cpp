#include "utils/late_callback.h"

#include "utils/failure.h"
#include "utils/log.h"

namespace network_system::inline v0_1::detail {

error_info late_callback(std::string_view component, std::string_view object, const char* rule) {
    log(log_level::warning, {component, object}, "a callback was set too late, and is not used: {}",
        rule);
    return failure(errc::invalid_argument, rule, object.empty() ? component : object);
}

}  // namespace network_system::detail
