# Compiler cache, warnings, sanitizers and coverage.

if(NETWORK_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND NOT DEFINED ENV{CMAKE_CXX_COMPILER_LAUNCHER})
    find_program(NETWORK_CCACHE ccache)
    mark_as_advanced(NETWORK_CCACHE)
    if(NETWORK_CCACHE)
        set(CMAKE_CXX_COMPILER_LAUNCHER "${NETWORK_CCACHE}")
    endif()
endif()

# Linked privately by every target of this project, by no consumer.
add_library(network_system_warnings INTERFACE)
if(MSVC)
    target_compile_options(
        network_system_warnings INTERFACE /W4 /permissive- /utf-8 /Zc:__cplusplus
                                          $<$<BOOL:${NETWORK_WERROR}>:/WX>
    )
else()
    target_compile_options(
        network_system_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                          $<$<BOOL:${NETWORK_WERROR}>:-Werror>
    )
    # GCC 12 reports overlapping copies inside std::string that cannot happen (GCC bug 105651).
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
       AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13
    )
        target_compile_options(network_system_warnings INTERFACE -Wno-restrict)
    endif()
endif()

# GCC takes a source file that a unity build includes for a header, in which a type of an unnamed
# namespace would be a mistake.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(network_system_warnings INTERFACE -Wno-subobject-linkage)
endif()

# Directory-wide, because a program is only instrumented when all of its objects are.
if(NETWORK_SANITIZE)
    if(MSVC)
        message(FATAL_ERROR "NETWORK_SANITIZE is supported with GCC and Clang only.")
    endif()
    if(NETWORK_SANITIZE STREQUAL "address")
        # vptr looks at memory through a pipe, and takes a process without descriptors, which tests
        # make, for one with broken objects.
        set(_sanitize -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            # Instrumented code hides from GCC what has been initialized.
            list(APPEND _sanitize -Wno-maybe-uninitialized)
        endif()
    elseif(NETWORK_SANITIZE STREQUAL "thread")
        set(_sanitize -fsanitize=thread)
    else()
        message(FATAL_ERROR "NETWORK_SANITIZE is '${NETWORK_SANITIZE}'; it can be empty, 'address' "
                            "(with undefined behaviour) or 'thread'."
        )
    endif()
    add_compile_options(${_sanitize} -fno-omit-frame-pointer)
    add_link_options(${_sanitize})
endif()

if(NETWORK_BUILD_FUZZERS AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "NETWORK_BUILD_FUZZERS=ON needs Clang (-DCMAKE_CXX_COMPILER=clang++-16).")
endif()

if(NETWORK_SYSTEM_ENABLE_COVERAGE)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
        message(FATAL_ERROR "ENABLE_COVERAGE is supported with GCC and Clang only.")
    endif()
    # Threads update the counters too: without atomic updates the report would be random.
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
