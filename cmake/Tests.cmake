# What the directories of tests have in common.

find_package(GTest QUIET)
if(NOT TARGET GTest::gtest_main)
    message(FATAL_ERROR "BUILD_TESTS=ON needs GoogleTest (Debian/Ubuntu: libgtest-dev; Homebrew: googletest; "
                        "vcpkg, MSYS2: gtest). To build without tests: -DBUILD_TESTS=OFF."
    )
endif()
include(GoogleTest)

# Sanitizers slow a test down several times; the limit is there for tests that hang.
set(NETWORK_TEST_TIMEOUT 60)
if(NETWORK_SANITIZE)
    set(NETWORK_TEST_TIMEOUT 240)
endif()
# Of many tests in one process.
set(NETWORK_GROUP_TIMEOUT 900)

# What scripts/sanitizers.sh builds for ThreadSanitizer: the tests labelled "threaded".
add_custom_target(threaded_tests)

# Under a sanitizer the code of the tests is not optimized: that takes a third of the time to compile.
# The library is.
function(network_skip_optimization target)
    if(NETWORK_SANITIZE)
        target_compile_options(${target} PRIVATE -O0)
    endif()
endfunction()

# network_register_tests(TARGET PREFIX <prefix> [LABELS <label>...] [PARTS <n>] [FILTER <filter>]
# [ENVIRONMENT <name>=<value>]): makes ctest run the tests of a GoogleTest program that FILTER names
# (default: all), as <prefix>.<suite>.<test>, each in a process of its own.
#
# With NETWORK_GROUP_TESTS they run in PARTS processes, <prefix>.1 to <prefix>.n: to start a process
# under a sanitizer takes longer than most tests.
function(network_register_tests target)
    cmake_parse_arguments(ARG "" "PREFIX;PARTS;FILTER;ENVIRONMENT" "LABELS" ${ARGN})
    # Joined: a list does not survive the discovery, and `ctest -L` matches parts of a label.
    string(REPLACE ";" "+" label "${ARG_LABELS}")
    if(NETWORK_GROUP_TESTS)
        if(NOT ARG_PARTS)
            set(ARG_PARTS 1)
        endif()
        set(arguments "")
        if(ARG_FILTER)
            set(arguments "--gtest_filter=${ARG_FILTER}")
        endif()
        foreach(part RANGE 1 ${ARG_PARTS})
            math(EXPR index "${part} - 1")
            add_test(NAME ${ARG_PREFIX}.${part} COMMAND ${target} ${arguments})
            set_tests_properties(
                ${ARG_PREFIX}.${part}
                PROPERTIES TIMEOUT ${NETWORK_GROUP_TIMEOUT}
                           LABELS "${label}"
                           ENVIRONMENT
                           "GTEST_TOTAL_SHARDS=${ARG_PARTS};GTEST_SHARD_INDEX=${index};${ARG_ENVIRONMENT}"
            )
        endforeach()
        return()
    endif()
    set(options "")
    if(NOT CMAKE_VERSION VERSION_LESS 3.18)
        # The list is made when ctest runs, so that a build never runs what it has built (cross
        # builds; sanitizers that need a special environment).
        list(APPEND options DISCOVERY_MODE PRE_TEST)
    endif()
    if(ARG_FILTER)
        if(CMAKE_VERSION VERSION_LESS 3.22)
            return() # it could only list all
        endif()
        list(APPEND options TEST_FILTER "${ARG_FILTER}")
    endif()
    set(properties TIMEOUT ${NETWORK_TEST_TIMEOUT} LABELS "${label}")
    if(ARG_ENVIRONMENT)
        list(APPEND properties ENVIRONMENT ${ARG_ENVIRONMENT})
    endif()
    # NO_PRETTY_VALUES: parameters have names of their own; what GoogleTest prints of them are bytes.
    gtest_discover_tests(
        ${target}
        ${options}
        NO_PRETTY_VALUES
        TEST_PREFIX ${ARG_PREFIX}.
        DISCOVERY_TIMEOUT 120
        PROPERTIES ${properties}
    )
endfunction()
