# compile_together(target size apart): with MXPOST_UNITY the target's sources are compiled `size` at a
# time as one, which takes half the time since most of it goes into headers that they share. Those
# `apart` are compiled alone: their unnamed namespaces have names that others' have, too.
function(compile_together target size apart)
    if(NOT MXPOST_UNITY)
        return()
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
    # A type of an unnamed namespace in what is "included" is still in this one source.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    set_source_files_properties(${apart} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# project_module(name [ASIO] SOURCES … LINKS … [APART …]): one static library for one folder of src/.
# Links are PRIVATE, so a module that uses a folder it doesn't name fails to link;
# tests/unit/include_directions checks the #include lines as well. ASIO: the module is compiled
# with Boost.Asio's precompiled header (src/asio). The others have none: that they compile is how
# their headers are proved to include what they need (tests/unit/house/headers_alone).
function(project_module name)
    cmake_parse_arguments(ARG "ASIO" "" "SOURCES;LINKS;APART" ${ARGN})
    add_library(mxpost_${name} STATIC ${ARG_SOURCES})
    target_include_directories(mxpost_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(mxpost_${name} PRIVATE mxpost_flags ${ARG_LINKS})
    if(ARG_ASIO)
        target_link_libraries(mxpost_${name} PRIVATE mxpost_asio)
        target_precompile_headers(mxpost_${name} REUSE_FROM mxpost_asio)
    endif()
    compile_together(mxpost_${name} 8 "${ARG_APART}")
endfunction()

# project_test(name [ASIO] SOURCES … LINKS … [APART …] [LABEL unit]): one GoogleTest program. Its own sources
# are never optimised: that costs more than it gains.
function(project_test name)
    cmake_parse_arguments(ARG "ASIO" "LABEL" "SOURCES;LINKS;APART" ${ARGN})
    if(NOT ARG_LABEL)
        set(ARG_LABEL unit)
    endif()
    add_executable(${name} ${ARG_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${name} PRIVATE MXPOST_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE mxpost_flags ${ARG_LINKS} GTest::gmock GTest::gtest_main)
    if(ARG_ASIO)
        target_link_libraries(${name} PRIVATE mxpost_asio mxpost_test_flags)
        target_precompile_headers(${name} REUSE_FROM test_asio_pch)
    else()
        target_link_libraries(${name} PRIVATE mxpost_test_flags)
        target_precompile_headers(${name} REUSE_FROM test_pch)
    endif()
    compile_together(${name} 12 "${ARG_APART}")
    # The header was compiled with -fPIC, as libraries are; g++ refuses it under -fPIE.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    if(CMAKE_POSITION_INDEPENDENT_CODE)
        target_compile_options(${name} PRIVATE -fPIC)
    endif()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()
