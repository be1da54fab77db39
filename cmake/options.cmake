# Build options, warnings and hardening, on one interface target that every module links.
option(MXPOST_WERROR "Warnings are errors" OFF)
option(MXPOST_FUZZ "Build the fuzzers (clang)" OFF)
option(MXPOST_TIDY "Run clang-tidy while compiling" OFF)
option(MXPOST_UNITY "Compile several sources as one, for a build that is made once" OFF)
set(MXPOST_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
set(MXPOST_COVERAGE OFF CACHE BOOL "Coverage counters")

add_library(mxpost_flags INTERFACE)
target_compile_options(mxpost_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2 -Wundef -Wvla
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wsuggest-override>
    $<$<CXX_COMPILER_ID:Clang>:-Winconsistent-missing-override>
    $<$<BOOL:${MXPOST_WERROR}>:-Werror>)
if(NOT MXPOST_SANITIZE)
    # Needs the optimiser's data flow; with sanitizers it reports their instrumentation.
    target_compile_options(mxpost_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wnull-dereference>)
endif()
if(MXPOST_SANITIZE)
    target_compile_options(mxpost_flags INTERFACE
        -fsanitize=${MXPOST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
        # Four fifths of what g++'s UBSan adds to a program are checks of each pointer that is used. Null
        # and dangling ones AddressSanitizer stops at as well; a misaligned one, or one to an object of
        # another type, only clang's checks see (presets clang, fuzz).
        $<$<CXX_COMPILER_ID:GNU>:-fno-sanitize=null,alignment,vptr,object-size>
        # Boost.Asio calls coroutine frames through pointers of another type; clang objects.
        $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
    target_link_options(mxpost_flags INTERFACE -fsanitize=${MXPOST_SANITIZE})
elseif(NOT MXPOST_COVERAGE)
    target_compile_options(mxpost_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection
        $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
        $<$<CONFIG:Release,RelWithDebInfo>:-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
    target_link_options(mxpost_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
endif()
target_compile_definitions(mxpost_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(MXPOST_COVERAGE)
    target_compile_options(mxpost_flags INTERFACE --coverage -O0)
    target_link_options(mxpost_flags INTERFACE --coverage)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # The sloppiness is what ccache's manual asks for with precompiled headers.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        ${CCACHE_PROGRAM})
endif()
if(MXPOST_TIDY)
    find_program(CLANG_TIDY_PROGRAM NAMES clang-tidy-16 clang-tidy REQUIRED)
    set(CMAKE_CXX_CLANG_TIDY ${CLANG_TIDY_PROGRAM})
endif()
