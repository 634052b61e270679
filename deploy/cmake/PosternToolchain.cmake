# Language level, warnings, hardening, sanitizers and the compiler cache: the same for every target.
option(POSTERN_BUILD_TESTS "Build tests and benchmarks" ON)
option(POSTERN_FAILPOINTS "Compile failpoints in (test builds only; never ship)" OFF)
option(POSTERN_FUZZ "Build libFuzzer targets (needs clang)" OFF)
option(POSTERN_TIDY "Run clang-tidy on every compile" OFF)
option(POSTERN_CORE_ONLY "Leave out every folder that includes grpcpp (tsan and fuzz: its reports are noise there)" OFF)
option(POSTERN_PCH "Share precompiled headers between targets" OFF)
set(POSTERN_SANITIZE "" CACHE STRING "Comma-separated sanitizers, empty for none")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# Everything is compiled with -pthread: precompiled headers are used only where it is the same for donor and user.
add_library(postern_flags INTERFACE)
target_compile_options(postern_flags INTERFACE -pthread)
target_link_options(postern_flags INTERFACE -pthread)
target_compile_options(postern_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror=unused-result
  -Werror=return-type -Wno-missing-field-initializers -fno-omit-frame-pointer)
if(NOT POSTERN_SANITIZE)
  target_compile_options(postern_flags INTERFACE -fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(postern_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(POSTERN_FAILPOINTS)
  target_compile_definitions(postern_flags INTERFACE POSTERN_FAILPOINTS=1)
endif()
if(POSTERN_SANITIZE)
  set(_san -fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all)
  add_compile_options(${_san} -O1 -g1)
  add_link_options(${_san})
  # What a sanitized test runs with: the first report ends it.
  set(POSTERN_SANITIZER_OPTIONS "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
      "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1" "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1"
      "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/leaks_of_libraries.txt")
else()
  add_compile_options(-g1)
endif()
# Generated code is not ours to warn about. AddressSanitizer would spend a third of its build on it (21 s for one file, 5 s without);
# ThreadSanitizer needs it instrumented, to see what messages pass between threads.
set(POSTERN_GENERATED_OPTIONS -w)
if(POSTERN_SANITIZE MATCHES "address")
  list(APPEND POSTERN_GENERATED_OPTIONS -fno-sanitize=all -O0)
endif()
if(POSTERN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(POSTERN_TIDY)
  find_program(POSTERN_CLANG_TIDY NAMES clang-tidy clang-tidy-14 REQUIRED)
endif()

# A parallel linker for the builds that are linked again and again; release keeps the system's own.
if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR POSTERN_FUZZ)
  find_program(POSTERN_LINKER NAMES mold ld.lld)
  if(POSTERN_LINKER MATCHES "mold$")
    add_link_options(-fuse-ld=mold)
  elseif(POSTERN_LINKER)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

# What ccache needs to cache with precompiled headers, and to hit across build directories and clones.
if(POSTERN_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess -Winvalid-pch)
endif()
find_program(POSTERN_CCACHE ccache)
if(POSTERN_CCACHE)
  get_filename_component(_base "${CMAKE_SOURCE_DIR}/.." ABSOLUTE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${_base} CCACHE_NOHASHDIR=1 ${POSTERN_CCACHE})
endif()
