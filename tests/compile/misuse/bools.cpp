// No string, pointer or number becomes a bool. See result.cpp for how cases are written.
#include <network_system/internal/websocket_frame.h>
#include <network_system/internal/websocket_handshake.h>
#include <network_system/utils/strict_bool.h>

#include <cstdint>

namespace ws = network_system::websocket;

auto a_flag_of_a_string() {
    // case strict_bool_of_string: conver|viable
#ifdef CASE_strict_bool_of_string
    return network_system::strict_bool("yes");
#else
    const bool yes = true;
    return network_system::strict_bool(yes);
#endif
}

auto a_flag_of_a_number() {
    // case strict_bool_of_number: conver|viable
#ifdef CASE_strict_bool_of_number
    return network_system::strict_bool(1);
#else
    return network_system::strict_bool(1 != 0);
#endif
}

auto the_size_of_a_header() {
    // case header_size: strict_bool
#ifdef CASE_header_size
    return ws::header_size(1, "masked");
#else
    return ws::header_size(1, true);
#endif
}

auto a_header() {
    // case encode_header: strict_bool
#ifdef CASE_encode_header
    return ws::encode_header(ws::opcode::text, 1, {}, "final");
#else
    return ws::encode_header(ws::opcode::text, 1, {}, false);
#endif
}

auto a_written_header(std::uint8_t* to) {
    // case write_header: strict_bool
#ifdef CASE_write_header
    return ws::write_header(to, ws::opcode::text, 1, "key");
#else
    return ws::write_header(to, ws::opcode::text, 1, ws::masking_key{}, true);
#endif
}

auto a_response(const ws::http_response& response) {
    // case encode_response: strict_bool
#ifdef CASE_encode_response
    return ws::encode_response(response, "HEAD");
#else
    return ws::encode_response(response, true);
#endif
}

auto a_host_field() {
    // case host_header: strict_bool
#ifdef CASE_host_header
    return ws::host_header("example.org", 443, "wss");
#else
    return ws::host_header("example.org", 443, true);
#endif
}
