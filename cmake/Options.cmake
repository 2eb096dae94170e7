# All options of the project, and what they mean for config.h.

# Names such as BUILD_SHARED_LIBS belong to the whole build tree: as a subproject we use the parent's
# value and do not put one into its cache.
if(NETWORK_IS_TOP_LEVEL)
    option(BUILD_SHARED_LIBS "Build network_system as a shared library" OFF)

    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
    endif()
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

# network_shared_option(<name> <text> <default>): an option whose name any project may have. At the top
# level it is ours; a parent means itself by it, and asks us with NETWORK_SYSTEM_<name>, which is the
# variable to look at in either case.
macro(network_shared_option name text default)
    if(NETWORK_IS_TOP_LEVEL)
        option(${name} "${text}" ${default})
        set(NETWORK_SYSTEM_${name} ${${name}})
    else()
        option(NETWORK_SYSTEM_${name} "network_system: ${text}" OFF)
    endif()
endmacro()

# For those who work on the library.
network_shared_option(BUILD_TESTS "Build the unit, loopback and integration tests" ON)
network_shared_option(BUILD_SAMPLES "Build the samples" ON)
network_shared_option(ENABLE_COVERAGE "Instrument for a coverage report" OFF)
# Off, because newer compilers have new warnings; the presets switch it on.
option(NETWORK_WERROR "Treat warnings as errors" OFF)
option(NETWORK_INSTALL "Create install rules" ${NETWORK_IS_TOP_LEVEL})
option(NETWORK_BUILD_BENCHMARKS "Build the benchmarks (needs Google Benchmark)" OFF)
option(NETWORK_BUILD_FUZZERS "Build the fuzzers (needs Clang with libFuzzer)" OFF)
option(NETWORK_BUILD_DOCS "Add the target docs (needs Doxygen)" OFF)
option(NETWORK_GROUP_TESTS "Run the tests of one program in one process, not each in its own" OFF)
set(NETWORK_SANITIZE "" CACHE STRING "Sanitizers: empty, 'address' (with undefined behaviour), or 'thread'")
set_property(CACHE NETWORK_SANITIZE PROPERTY STRINGS "" address thread)

# What the library contains.
option(BUILD_TLS_SUPPORT "TLS: secure_messaging_server and secure_messaging_client" ON)
option(BUILD_WEBSOCKET_SUPPORT "WebSocket: messaging_ws_server and messaging_ws_client" ON)

option(BUILD_MESSAGING_BRIDGE "The names that programs of messaging_system use: compatibility.h" ON)

# config.h says what is there, not what was asked for.
if(BUILD_TLS_SUPPORT)
    set(NETWORK_SYSTEM_WITH_TLS 1)
else()
    set(NETWORK_SYSTEM_WITH_TLS 0)
endif()
if(BUILD_WEBSOCKET_SUPPORT)
    set(NETWORK_SYSTEM_WITH_WEBSOCKET 1)
else()
    set(NETWORK_SYSTEM_WITH_WEBSOCKET 0)
endif()
if(BUILD_MESSAGING_BRIDGE)
    set(NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE 1)
else()
    set(NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE 0)
endif()
