# Installed layout (everything relative to the prefix, so the prefix may be moved), and which of the
# components of `cmake --install --component` each part belongs to:
#   runtime      lib/libnetwork_system.so.*
#   development  include/network_system/...      headers, config.h and export.h among them
#                lib/libnetwork_system.{a,so}
#                lib/cmake/network_system/       network_systemConfig.cmake and FindAsio.cmake
#                lib/pkgconfig/network_system.pc
#   testing      include/network_system/testing/
#                lib/cmake/network_system/network_system_testingTargets.cmake
#   spdlog, ...  the header of an adapter, and the same for it
#
# A component of find_package is a file of targets beside network_systemConfig.cmake, which finds out
# by these files what is installed; so a component may come in a package of its own.

set(_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/network_system)

install(
    TARGETS network_system
    EXPORT network_systemTargets
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
)
install(
    DIRECTORY ${NETWORK_INCLUDE_DIR}/network_system ${NETWORK_GENERATED_INCLUDE_DIR}/network_system
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT development
    FILES_MATCHING
    PATTERN "*.h"
    PATTERN "testing" EXCLUDE
    PATTERN "spdlog_logger.h" EXCLUDE
    PATTERN "basic_container.h" EXCLUDE
    PATTERN "*_system_adapter.h" EXCLUDE
)
install(
    EXPORT network_systemTargets
    NAMESPACE network_system::
    DESTINATION ${_cmake_dir}
    COMPONENT development
)

# network_install_component(<name> <header>...): the target network_system_<name>, as
# network_system::<name>, and headers, or directories of them, below include/network_system/.
function(network_install_component name)
    install(TARGETS network_system_${name} EXPORT network_system_${name}Targets COMPONENT ${name})
    install(
        EXPORT network_system_${name}Targets
        NAMESPACE network_system::
        DESTINATION ${_cmake_dir}
        COMPONENT ${name}
    )
    foreach(_header IN LISTS ARGN)
        get_filename_component(_directory network_system/${_header} DIRECTORY)
        set(_destination ${CMAKE_INSTALL_INCLUDEDIR}/${_directory})
        if(_header MATCHES "[.]h$")
            install(
                FILES ${NETWORK_INCLUDE_DIR}/network_system/${_header}
                DESTINATION ${_destination}
                COMPONENT ${name}
            )
        else()
            install(
                DIRECTORY ${NETWORK_INCLUDE_DIR}/network_system/${_header}
                DESTINATION ${_destination}
                COMPONENT ${name}
                FILES_MATCHING
                PATTERN "*.h"
            )
        endif()
    endforeach()
endfunction()

network_install_component(testing testing)
if(NETWORK_SYSTEM_WITH_MSGPACK)
    network_install_component(msgpack integration/basic_container.h)
endif()
if(NETWORK_SYSTEM_WITH_SPDLOG)
    network_install_component(spdlog integration/spdlog_logger.h)
endif()
foreach(_sister common thread logger container)
    string(TOUPPER ${_sister} _upper)
    if(NETWORK_SYSTEM_WITH_${_upper}_SYSTEM)
        network_install_component(${_sister}_system integration/${_sister}_system_adapter.h)
    endif()
endforeach()

configure_package_config_file(
    cmake/network_systemConfig.cmake.in ${PROJECT_BINARY_DIR}/network_systemConfig.cmake
    INSTALL_DESTINATION ${_cmake_dir}
    NO_SET_AND_CHECK_MACRO
)
# While the major version is 0, every minor version may break the API.
write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/network_systemConfigVersion.cmake
    VERSION ${network_system_VERSION}
    COMPATIBILITY SameMinorVersion
)
install(
    FILES ${PROJECT_BINARY_DIR}/network_systemConfig.cmake
          ${PROJECT_BINARY_DIR}/network_systemConfigVersion.cmake
          ${PROJECT_SOURCE_DIR}/cmake/FindAsio.cmake ${PROJECT_SOURCE_DIR}/cmake/FindSisters.cmake
    DESTINATION ${_cmake_dir}
    COMPONENT development
)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)

# --- pkg-config ---------------------------------------------------------------------------------

# ${pcfiledir} keeps the file right when the prefix is moved. An absolute CMAKE_INSTALL_LIBDIR or
# CMAKE_INSTALL_INCLUDEDIR (a distribution's choice) fixes the paths instead.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(_pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH _pc_up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" _pc_up "${_pc_up}")
    set(_pc_prefix "\${pcfiledir}/${_pc_up}")
    set(_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    set(_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

# Asio is needed by network_system/async.h and the headers under internal/. It has a .pc file in few
# places, and a compiler finds it by itself in most; only the remaining ones get a path here.
set(_pc_cflags "-DASIO_STANDALONE")
# As in FindAsio.cmake. A .pc file does not know the compiler, and GCC has it already.
if(Asio_VERSION VERSION_LESS 1.29)
    string(APPEND _pc_cflags " -DASIO_HAS_CO_AWAIT")
endif()
if(NOT Asio_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    string(APPEND _pc_cflags " -isystem ${Asio_INCLUDE_DIR}")
endif()
if(NOT BUILD_SHARED_LIBS)
    string(APPEND _pc_cflags " -DNETWORK_SYSTEM_STATIC_DEFINE")
endif()
if(WIN32)
    string(APPEND _pc_cflags " -D_WIN32_WINNT=0x0A00")
    set(_pc_libs_private "-lws2_32 -lmswsock -lbcrypt")
else()
    string(APPEND _pc_cflags " -pthread")
    set(_pc_libs_private "-pthread")
endif()
set(_pc_requires_private "")
if(NETWORK_SYSTEM_WITH_TLS)
    set(_pc_requires_private "openssl")
    string(APPEND _pc_libs_private " -lssl -lcrypto")
endif()
# A .pc file cannot tell how it will be linked. Where only the static library is installed, plain
# `pkg-config --libs` has to be enough, so what is private to a shared library moves to Libs.
if(BUILD_SHARED_LIBS)
    set(_pc_libs "")
    if(NOT WIN32)
        # Asio's headers use threads.
        set(_pc_libs " -pthread")
    endif()
else()
    set(_pc_libs " ${_pc_libs_private}")
    set(_pc_libs_private "")
    set(_pc_requires_private "")
endif()
configure_file(cmake/network_system.pc.in ${PROJECT_BINARY_DIR}/network_system.pc @ONLY)
# A component is a module of its own: network_system-spdlog.
function(network_install_pc component requires)
    set(_pc_component ${component})
    set(_pc_requires "${requires}")
    set(_pc_file ${PROJECT_BINARY_DIR}/network_system-${component}.pc)
    configure_file(cmake/component.pc.in ${_pc_file} @ONLY)
    install(FILES ${_pc_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${component})
endfunction()
network_install_pc(testing "")
if(NETWORK_SYSTEM_WITH_MSGPACK)
    network_install_pc(msgpack "")
endif()
if(NETWORK_SYSTEM_WITH_SPDLOG)
    network_install_pc(spdlog ", spdlog")
endif()
# The flags of these are the program's affair: hardly one of them has a .pc file.
foreach(_sister common thread logger container)
    string(TOUPPER ${_sister} _upper)
    if(NETWORK_SYSTEM_WITH_${_upper}_SYSTEM)
        network_install_pc(${_sister}_system "")
    endif()
endforeach()
install(
    FILES ${PROJECT_BINARY_DIR}/network_system.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT development
)
