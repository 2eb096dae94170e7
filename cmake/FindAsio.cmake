# Finds standalone Asio (header only).
#
#   find_package(Asio [version])
#
# Result: Asio_FOUND, Asio_VERSION, Asio_INCLUDE_DIR and the target Asio::asio, which carries the
# include directory and ASIO_STANDALONE. Hints: Asio_ROOT or ASIO_ROOT (variable or environment),
# CMAKE_PREFIX_PATH, or Asio_INCLUDE_DIR itself.
#
# This file is installed beside network_systemConfig.cmake, because Asio ships no CMake package.

set(_asio_hints)
foreach(_asio_root IN ITEMS "${ASIO_ROOT}" "$ENV{ASIO_ROOT}")
    if(_asio_root)
        list(APPEND _asio_hints "${_asio_root}")
    endif()
endforeach()

# vcpkg's toolchain and an active MSYS2 shell put their prefixes into CMAKE_PREFIX_PATH; Homebrew
# does so only when CMake itself came from Homebrew.
set(_asio_paths)
if(APPLE)
    list(APPEND _asio_paths /opt/homebrew /usr/local /opt/local)
elseif(WIN32)
    if(DEFINED ENV{MSYSTEM_PREFIX})
        list(APPEND _asio_paths "$ENV{MSYSTEM_PREFIX}")
    endif()
    if(DEFINED ENV{MINGW_PREFIX})
        list(APPEND _asio_paths "$ENV{MINGW_PREFIX}")
    endif()
endif()
if(DEFINED VCPKG_INSTALLED_DIR AND DEFINED VCPKG_TARGET_TRIPLET)
    list(APPEND _asio_paths "${VCPKG_INSTALLED_DIR}/${VCPKG_TARGET_TRIPLET}")
endif()

find_path(
    Asio_INCLUDE_DIR
    NAMES asio/version.hpp
    HINTS ${_asio_hints}
    PATHS ${_asio_paths}
    PATH_SUFFIXES include
    DOC "Directory that holds asio.hpp (standalone Asio)"
)
mark_as_advanced(Asio_INCLUDE_DIR)

set(Asio_VERSION)
if(Asio_INCLUDE_DIR AND EXISTS "${Asio_INCLUDE_DIR}/asio/version.hpp")
    # #define ASIO_VERSION 102201 // 1.22.1
    file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" _asio_version_line
         REGEX "^[ \t]*#[ \t]*define[ \t]+ASIO_VERSION[ \t]+[0-9]+"
    )
    if(_asio_version_line MATCHES "ASIO_VERSION[ \t]+([0-9]+)")
        set(_asio_number "${CMAKE_MATCH_1}")
        math(EXPR _asio_major "${_asio_number} / 100000")
        math(EXPR _asio_minor "(${_asio_number} / 100) % 1000")
        math(EXPR _asio_patch "${_asio_number} % 100")
        set(Asio_VERSION "${_asio_major}.${_asio_minor}.${_asio_patch}")
    endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    Asio
    REQUIRED_VARS Asio_INCLUDE_DIR Asio_VERSION
    VERSION_VAR Asio_VERSION
    REASON_FAILURE_MESSAGE
        "Standalone Asio is libasio-dev on Debian and Ubuntu, asio in Homebrew and \
vcpkg, mingw-w64-x86_64-asio in MSYS2. Elsewhere, pass -DAsio_ROOT=<prefix> where \
<prefix>/include/asio.hpp exists"
)

if(Asio_FOUND AND NOT TARGET Asio::asio)
    # GLOBAL: with add_subdirectory() the consumer that links network_system lives in a directory
    # above the one that ran find_package.
    add_library(Asio::asio INTERFACE IMPORTED GLOBAL)
    # Asio up to 1.28 looks for the coroutines of the technical specification when it meets Clang, and
    # does without where only those of C++20 are.
    set(_asio_clang_coroutines
        "$<AND:$<COMPILE_LANG_AND_ID:CXX,Clang>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,14>>"
    )
    set_target_properties(
        Asio::asio
        PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Asio_INCLUDE_DIR}"
                   INTERFACE_COMPILE_DEFINITIONS
                   "ASIO_STANDALONE;$<${_asio_clang_coroutines}:ASIO_HAS_CO_AWAIT>"
    )
    unset(_asio_clang_coroutines)
endif()

unset(_asio_hints)
unset(_asio_paths)
unset(_asio_root)
unset(_asio_version_line)
unset(_asio_number)
unset(_asio_major)
unset(_asio_minor)
unset(_asio_patch)
