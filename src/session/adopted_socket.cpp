#include "utils/failure.h"

#include <network_system/internal/adopted_socket.h>

namespace network_system::inline v0_1::internal {

error_info refusal_to_take_over(errc code, std::error_code cause, std::string_view source) {
    return detail::failure(code, "cannot take the socket over", source, cause);
}

}  // namespace network_system::internal
