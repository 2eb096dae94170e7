// What stands for the fixed port and host of the specification's snippets.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

inline std::uint16_t snippet_port() {
    const char* port = std::getenv("SNIPPET_PORT");
    return static_cast<std::uint16_t>(port != nullptr ? std::atoi(port) : 0);
}

/// A file of the directory that the test has prepared.
inline std::string snippet_file(const char* name) {
    const char* directory = std::getenv("SNIPPET_DIRECTORY");
    return std::string(directory != nullptr ? directory : ".") + "/" + name;
}

inline const char* snippet_host() {
    return "localhost";
}
