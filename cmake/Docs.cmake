# The target docs: the reference of the public headers, in <build>/html.

find_program(NETWORK_DOXYGEN doxygen)
mark_as_advanced(NETWORK_DOXYGEN)
if(NOT NETWORK_DOXYGEN)
    message(FATAL_ERROR "NETWORK_BUILD_DOCS=ON needs Doxygen (Debian/Ubuntu, Homebrew: doxygen).")
endif()

configure_file(docs/Doxyfile.in ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)
add_custom_target(
    docs
    COMMAND ${NETWORK_DOXYGEN} ${PROJECT_BINARY_DIR}/Doxyfile
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
    COMMENT "Doxygen"
    VERBATIM
)
