# Precompiled headers. A file that includes StatusOr, protobuf and GoogleTest spends 2.9 s of which 1.9 s are those headers (GCC 12,
# measured); one precompiled set costs 8 s, so it pays from five files on. Every source still includes what it uses: the release,
# tsan, fuzz and tidy presets build without (POSTERN_PCH=OFF) and would not compile otherwise.
set(_core_headers <memory> <string> <vector> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/string_view.h>)

# postern_pch_donor(NAME kind HEADERS ... DEPS ...): the target whose headers others reuse. GCC accepts precompiled headers only
# where -fPIC and -fPIE agree, so libraries reuse from a library and test binaries from an executable.
function(postern_pch_donor name kind)
  cmake_parse_arguments(A "" "" "HEADERS;DEPS" ${ARGN})
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch/${name}.cc CONTENT "int main() { return 0; }\n")
  if(kind STREQUAL EXECUTABLE)
    add_executable(${name} EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  else()
    add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  endif()
  target_link_libraries(${name} PRIVATE postern_flags protobuf::libprotobuf absl::statusor absl::strings ${A_DEPS})
  target_precompile_headers(${name} PRIVATE ${A_HEADERS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/pch)
endfunction()

if(POSTERN_PCH)
  postern_pch_donor(postern_pch_core OBJECT HEADERS ${_core_headers} <google/protobuf/message.h>)
  if(NOT POSTERN_CORE_ONLY)
    postern_pch_donor(postern_pch_grpc OBJECT HEADERS ${_core_headers} <google/protobuf/message.h> <grpcpp/grpcpp.h> DEPS gRPC::grpc++)
  endif()
  if(POSTERN_BUILD_TESTS)
    postern_pch_donor(postern_pch_test EXECUTABLE HEADERS ${_core_headers} <gmock/gmock.h> <gtest/gtest.h> <google/protobuf/message.h>
      DEPS GTest::gtest GTest::gmock)
  endif()
endif()

# postern_reuse_pch(target donor): does nothing where the donor was not made.
function(postern_reuse_pch target donor)
  if(TARGET ${donor})
    target_precompile_headers(${target} REUSE_FROM ${donor})
  endif()
endfunction()
