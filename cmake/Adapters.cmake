# Libraries of others that this one can be used with. None is needed: each has an option, is a
# component of find_package, and shows in config.h.

# network_adapter(<component> <option> <text> <found> <hint>): an option, by default whether there is
# such a package, and NETWORK_SYSTEM_WITH_<COMPONENT> with what it comes to, 0 or 1.
macro(network_adapter component option text found hint)
    if(${found})
        option(${option} "${text}" ON)
    else()
        option(${option} "${text}" OFF)
    endif()
    if(${option} AND NOT ${found})
        message(FATAL_ERROR "${option}=ON, but ${hint}. To build without it: -D${option}=OFF.")
    endif()
    string(TOUPPER ${component} _upper)
    if(${option})
        set(NETWORK_SYSTEM_WITH_${_upper} 1)
    else()
        set(NETWORK_SYSTEM_WITH_${_upper} 0)
    endif()
endmacro()

# MessagePack: header-only, and used in one .cpp file only, as fmt is. A program needs nothing of it.
find_path(
    msgpack_INCLUDE_DIR msgpack.hpp HINTS ${msgpack_ROOT} $ENV{msgpack_ROOT} PATH_SUFFIXES include
)
mark_as_advanced(msgpack_INCLUDE_DIR)
network_adapter(
    msgpack BUILD_WITH_MSGPACK "MessagePack: basic_container, the default serializer" msgpack_INCLUDE_DIR
    "msgpack.hpp of msgpack-cxx was not found (Debian/Ubuntu: libmsgpack-cxx-dev; Homebrew, vcpkg: \
msgpack-cxx). Elsewhere: -Dmsgpack_ROOT=<prefix>"
)

# spdlog: a header. A parent project has its own idea of where spdlog comes from.
if(NETWORK_IS_TOP_LEVEL AND NOT TARGET spdlog::spdlog)
    find_package(spdlog QUIET)
endif()
if(TARGET spdlog::spdlog)
    set(_spdlog_found TRUE)
else()
    set(_spdlog_found FALSE)
endif()
network_adapter(
    spdlog BUILD_WITH_SPDLOG "The adapter for spdlog, the component spdlog" _spdlog_found
    "spdlog was not found (Debian/Ubuntu: libspdlog-dev; Homebrew, vcpkg, MSYS2: spdlog). Elsewhere: \
-Dspdlog_ROOT=<prefix>"
)

# What messaging_system is made of. Nobody has these by chance: they are looked for when they are asked for.
foreach(_sister common thread logger container)
    string(TOUPPER ${_sister} _upper)
    option(BUILD_WITH_${_upper}_SYSTEM "The adapter for ${_sister}_system, the component ${_sister}_system" OFF)
    set(NETWORK_SYSTEM_WITH_${_upper}_SYSTEM 0)
    if(BUILD_WITH_${_upper}_SYSTEM)
        list(INSERT CMAKE_MODULE_PATH 0 "${CMAKE_CURRENT_LIST_DIR}")
        find_package(Sisters QUIET COMPONENTS ${_sister}_system)
        list(REMOVE_AT CMAKE_MODULE_PATH 0)
        if(NOT TARGET sister::${_sister}_system)
            message(FATAL_ERROR "BUILD_WITH_${_upper}_SYSTEM=ON, but ${_sister}_system was not found. \
-D${_sister}_system_ROOT=<prefix> says where it is; docs/INTEGRATION.md, which versions fit."
            )
        endif()
        set(NETWORK_SYSTEM_WITH_${_upper}_SYSTEM 1)
    endif()
endforeach()
