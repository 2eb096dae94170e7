// What stands for the fixed port and host of the specification's snippets.
#pragma once

#include <cstdint>
#include <cstdlib>

inline std::uint16_t snippet_port() {
    const char* port = std::getenv("SNIPPET_PORT");
    return static_cast<std::uint16_t>(port != nullptr ? std::atoi(port) : 0);
}

inline const char* snippet_host() {
    return "localhost";
}
