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
# mention it, and an application may use any version of its own.
if(NOT TARGET fmt::fmt-header-only)
    find_package(fmt 9 QUIET)
    if(NOT TARGET fmt::fmt-header-only)
        message(FATAL_ERROR "fmt 9 or newer was not found (Debian/Ubuntu: libfmt-dev; Homebrew, vcpkg: fmt; "
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

# The sister projects. Their packages have changed target names over time, so the usual spellings
# are tried.
set(NETWORK_ECOSYSTEM_PACKAGES "") # what network_systemConfig.cmake has to find again
set(NETWORK_ECOSYSTEM_TARGETS "")

function(network_use_ecosystem_package option name)
    if(NOT ${option})
        return()
    endif()
    set(candidates ${name}::${name} ${name})
    set(found "")
    foreach(candidate IN LISTS candidates)
        if(TARGET ${candidate})
            set(found ${candidate})
            break()
        endif()
    endforeach()
    if(NOT found)
        find_package(${name} CONFIG QUIET)
        if(NOT ${name}_FOUND)
            message(FATAL_ERROR "${option}=ON, but the package ${name} was not found: no ${name}Config.cmake.\n"
                                "Point CMake at an installed ${name} with -D${name}_ROOT=<prefix> or "
                                "-DCMAKE_PREFIX_PATH=<prefix>, or at a build tree with -D${name}_DIR=<dir>. "
                                "To build without it, configure with -D${option}=OFF."
            )
        endif()
        foreach(candidate IN LISTS candidates)
            if(TARGET ${candidate})
                set(found ${candidate})
                break()
            endif()
        endforeach()
        if(NOT found)
            message(FATAL_ERROR "${option}=ON and ${name} was found in ${${name}_DIR}, but it defines none of "
                                "the targets ${candidates}."
            )
        endif()
        get_target_property(imported ${found} IMPORTED)
        if(imported)
            set_target_properties(${found} PROPERTIES IMPORTED_GLOBAL TRUE)
        endif()
    endif()
    set(NETWORK_ECOSYSTEM_PACKAGES ${NETWORK_ECOSYSTEM_PACKAGES} ${name} PARENT_SCOPE)
    set(NETWORK_ECOSYSTEM_TARGETS ${NETWORK_ECOSYSTEM_TARGETS} ${found} PARENT_SCOPE)
endfunction()

network_use_ecosystem_package(BUILD_WITH_COMMON_SYSTEM common_system)
network_use_ecosystem_package(BUILD_WITH_THREAD_SYSTEM thread_system)
network_use_ecosystem_package(BUILD_WITH_LOGGER_SYSTEM logger_system)
network_use_ecosystem_package(BUILD_WITH_CONTAINER_SYSTEM container_system)
