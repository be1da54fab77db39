# The libraries mxpost stands on, as imported targets.
find_package(Threads REQUIRED)
# Boost from 1.81 on: the front end links it statically, so that starting costs less.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS program_options)
find_package(OpenSSL 3.0 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
find_path(LDNS_INCLUDE_DIR ldns/ldns.h REQUIRED)
find_library(LDNS_LIBRARY ldns REQUIRED)
if(NOT TARGET LDNS::ldns)
    add_library(LDNS::ldns UNKNOWN IMPORTED)
    set_target_properties(LDNS::ldns PROPERTIES
        IMPORTED_LOCATION ${LDNS_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${LDNS_INCLUDE_DIR})
    target_link_libraries(LDNS::ldns INTERFACE OpenSSL::Crypto)
endif()
if(BUILD_TESTING)
    find_package(GTest REQUIRED)
    include(GoogleTest)
endif()
