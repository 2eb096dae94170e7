# What was configured, in the words of the options.

if(NOT NETWORK_IS_TOP_LEVEL)
    return()
endif()

function(network_summary name value)
    message(STATUS "  ${name}: ${value}")
endfunction()

# An option whose code is not in this version yet must not look as if it did something.
function(network_summary_feature name option present arrives)
    if(present)
        network_summary("${name}" "yes")
    elseif(${option})
        network_summary("${name}" "not in this version; arrives with ${arrives}")
    else()
        network_summary("${name}" "no (${option}=OFF)")
    endif()
endfunction()

if(BUILD_SHARED_LIBS)
    set(_kind shared)
else()
    set(_kind static)
endif()

message(STATUS "network_system ${network_system_VERSION} (${_kind}, ${CMAKE_BUILD_TYPE})")
network_summary("Compiler" "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
network_summary("Compiler launcher" "${CMAKE_CXX_COMPILER_LAUNCHER}")
network_summary("Asio" "${Asio_VERSION} (${Asio_INCLUDE_DIR})")
network_summary("fmt" "${fmt_VERSION}")
if(NETWORK_SYSTEM_WITH_TLS)
    network_summary("TLS" "OpenSSL ${OPENSSL_VERSION}")
else()
    network_summary("TLS" "no (BUILD_TLS_SUPPORT=OFF)")
endif()
network_summary_feature(
    "WebSocket" BUILD_WEBSOCKET_SUPPORT ${NETWORK_SYSTEM_WITH_WEBSOCKET} "messaging_ws_*"
)
network_summary_feature(
    "Messaging bridge" BUILD_MESSAGING_BRIDGE ${NETWORK_SYSTEM_WITH_MESSAGING_BRIDGE}
    "integration/messaging_bridge.h"
)
network_summary("Linked systems" "${NETWORK_ECOSYSTEM_PACKAGES}")
network_summary("Tests" "${BUILD_TESTS}")
network_summary("Samples" "${BUILD_SAMPLES}")
network_summary("Benchmarks" "${NETWORK_BUILD_BENCHMARKS}")
network_summary("Fuzzers" "${NETWORK_BUILD_FUZZERS}")
network_summary("Warnings as errors" "${NETWORK_WERROR}")
network_summary("Sanitizer" "${NETWORK_SANITIZE}")
network_summary("Coverage" "${ENABLE_COVERAGE}")
