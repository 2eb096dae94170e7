# Everything the library needs from outside. Nothing here touches the network.

# With add_subdirectory() the consumer lives in a directory above this one, so a target that our
# link interface names has to be visible there too.
if(NOT TARGET Threads::Threads)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads REQUIRED)
    set_target_properties(Threads::Threads PROPERTIES IMPORTED_GLOBAL TRUE)
endif()

if(NOT TARGET Asio::asio)
    list(INSERT CMAKE_MODULE_PATH 0 "${CMAKE_CURRENT_LIST_DIR}")
    find_package(Asio 1.22 REQUIRED)
    list(REMOVE_AT CMAKE_MODULE_PATH 0)
endif()

# fmt is used in .cpp files only, and header-only: neither the exported targets nor network_system.pc
# mention it, and an application may use any version of its own. tests/layers keeps to what 8.1 has.
if(NOT TARGET fmt::fmt-header-only)
    find_package(fmt 8.1 QUIET)
    if(NOT TARGET fmt::fmt-header-only)
        message(FATAL_ERROR "fmt 8.1 or newer was not found (Debian/Ubuntu: libfmt-dev; Homebrew, vcpkg: fmt; "
                            "MSYS2: mingw-w64-x86_64-fmt). Elsewhere: -Dfmt_ROOT=<prefix>."
        )
    endif()
endif()

# No public header includes OpenSSL; applications only link it, and only with a static library.
if(BUILD_TLS_SUPPORT AND NOT TARGET OpenSSL::SSL)
    find_package(OpenSSL 3.0 QUIET)
    if(NOT OPENSSL_FOUND)
        message(FATAL_ERROR "BUILD_TLS_SUPPORT=ON, but OpenSSL 3.0 or newer was not found (Debian/Ubuntu: "
                            "libssl-dev; Homebrew, vcpkg: openssl; MSYS2: mingw-w64-x86_64-openssl). Elsewhere: "
                            "-DOPENSSL_ROOT_DIR=<prefix>. To build without TLS: -DBUILD_TLS_SUPPORT=OFF."
        )
    endif()
endif()
