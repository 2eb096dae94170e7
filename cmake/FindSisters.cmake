# Finds the libraries that messaging_system is made of: find_package(Sisters COMPONENTS <name>...), for
# common_system, thread_system, logger_system and container_system. Each that is found is the target
# sister::<name>.
#
# Looked for are, in this order: a target of the project that asks; a package of the library's own
# (find_package(<name> CONFIG)); its headers and its library, below -D<name>_ROOT=<prefix> or where such
# things are. The macros that it was compiled with, on which its classes depend, are then to be told with
# -D<name>_DEFINITIONS="A;B=1".

set(_sister_header_common_system kcenon/common/patterns/result.h)
set(_sister_targets_common_system kcenon::common kcenon::common_system common_system::common_system common_system)
set(_sister_libraries_common_system) # headers only

set(_sister_header_thread_system kcenon/thread/core/thread_pool.h)
set(_sister_targets_thread_system thread_system::ThreadSystem thread_system::thread_system ThreadSystem
                                  thread_system
)
set(_sister_libraries_thread_system ThreadSystem thread_system)

set(_sister_header_logger_system kcenon/logger/core/logger.h)
set(_sister_targets_logger_system logger_system::logger_system LoggerSystem::LoggerSystem LoggerSystem
                                  logger_system
)
set(_sister_libraries_logger_system LoggerSystem logger_system)

set(_sister_header_container_system container/core/container.h)
set(_sister_targets_container_system ContainerSystem::container container_system::container_system
                                     container_system
)
set(_sister_libraries_container_system container_system)

# _sister_by_path(<name>): headers, and the library if there is one.
macro(_sister_by_path name)
    set(_hints ${${name}_ROOT} $ENV{${name}_ROOT})
    find_path(${name}_INCLUDE_DIR ${_sister_header_${name}} HINTS ${_hints} PATH_SUFFIXES include)
    mark_as_advanced(${name}_INCLUDE_DIR)
    if(${name}_INCLUDE_DIR)
        add_library(sister::${name} INTERFACE IMPORTED GLOBAL)
        target_include_directories(sister::${name} INTERFACE ${${name}_INCLUDE_DIR})
        if(${name}_DEFINITIONS)
            target_compile_definitions(sister::${name} INTERFACE ${${name}_DEFINITIONS})
        endif()
        if(_sister_libraries_${name})
            find_library(
                ${name}_LIBRARY NAMES ${_sister_libraries_${name}} HINTS ${_hints} PATH_SUFFIXES lib lib64
            )
            mark_as_advanced(${name}_LIBRARY)
            if(${name}_LIBRARY)
                set_property(TARGET sister::${name} PROPERTY INTERFACE_LINK_LIBRARIES ${${name}_LIBRARY})
            endif()
        endif()
    endif()
endmacro()

# _sister_of_target(<name>): a target that there is, under our name.
macro(_sister_of_target name)
    foreach(_target IN LISTS _sister_targets_${name})
        if(TARGET ${_target} AND NOT TARGET sister::${name})
            add_library(sister::${name} INTERFACE IMPORTED GLOBAL)
            set_property(TARGET sister::${name} PROPERTY INTERFACE_LINK_LIBRARIES ${_target})
        endif()
    endforeach()
endmacro()

foreach(_name IN LISTS Sisters_FIND_COMPONENTS)
    if(NOT DEFINED _sister_header_${_name})
        message(FATAL_ERROR "find_package(Sisters): there is no '${_name}'")
    endif()
    if(NOT TARGET sister::${_name})
        _sister_of_target(${_name})
    endif()
    if(NOT TARGET sister::${_name})
        find_package(${_name} CONFIG QUIET)
        _sister_of_target(${_name})
    endif()
    if(NOT TARGET sister::${_name})
        _sister_by_path(${_name})
    endif()
    set(Sisters_${_name}_FOUND FALSE)
    if(TARGET sister::${_name})
        set(Sisters_${_name}_FOUND TRUE)
    endif()
endforeach()

include(FindPackageHandleStandardArgs)
set(_sisters_found TRUE)
find_package_handle_standard_args(Sisters REQUIRED_VARS _sisters_found HANDLE_COMPONENTS)
