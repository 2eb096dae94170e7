# Compiles SOURCE with the command COMPILE. Without a CASE it has to compile: all of its right uses.
# With one, it has to fail with what the line "// case <name>: <regular expression>" says, so that it
# does not fail for another reason.
set(ENV{LC_ALL} C)
if(CASE)
    list(APPEND COMPILE -DCASE_${CASE})
    file(STRINGS ${SOURCE} line REGEX "^ *// case ${CASE}: ")
    string(REGEX REPLACE "^ *// case ${CASE}: " "" expected "${line}")
endif()
execute_process(
    COMMAND ${COMPILE} ${SOURCE}
    RESULT_VARIABLE status
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said
)
if(NOT CASE AND NOT status EQUAL 0)
    message(FATAL_ERROR "The right uses in ${SOURCE} do not compile:\n${said}")
elseif(CASE AND status EQUAL 0)
    message(FATAL_ERROR "The case ${CASE} of ${SOURCE} compiles.")
elseif(CASE AND NOT said MATCHES "${expected}")
    message(FATAL_ERROR "The case ${CASE} of ${SOURCE} fails without saying '${expected}':\n${said}")
endif()
