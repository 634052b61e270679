# postern_library(NAME SRCS ... DEPS ...): a static library, one per folder. Includes are written from the top: "policy/projector.h".
function(postern_library name)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  add_library(${name} STATIC ${A_SRCS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC postern_flags ${A_DEPS})
  postern_tidy(${name})
endfunction()

# postern_binary(NAME SRCS ... DEPS ...): an executable in build/<preset>/bin.
function(postern_binary name)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${A_SRCS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE postern_flags ${A_DEPS})
  postern_tidy(${name})
endfunction()

# postern_test(NAME LABEL unit SRCS ... DEPS ...): a GoogleTest binary, one per folder; every TEST is a CTest test with that label.
function(postern_test name)
  cmake_parse_arguments(A "" "LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  postern_binary(${name} SRCS ${A_SRCS} DEPS ${A_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT})
endfunction()

# postern_fuzzer(NAME SRCS file.cc CORPUS dir DEPS ...): a libFuzzer target under POSTERN_FUZZ; in every other build the same source is
# linked with a small driver and its corpus is replayed as a CTest test labelled fuzz.
function(postern_fuzzer name)
  cmake_parse_arguments(A "" "CORPUS" "SRCS;DEPS" ${ARGN})
  if(POSTERN_FUZZ)
    postern_binary(${name} SRCS ${A_SRCS} DEPS ${A_DEPS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name}.corpus COMMAND ${name} -runs=0 ${A_CORPUS})
  else()
    postern_binary(${name} SRCS ${A_SRCS} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc DEPS ${A_DEPS})
    add_test(NAME ${name}.corpus COMMAND ${name} ${A_CORPUS})
  endif()
  set_tests_properties(${name}.corpus PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()

function(postern_tidy target)
  if(POSTERN_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "${POSTERN_CLANG_TIDY}")
  endif()
endfunction()

include(GoogleTest)
