# The libraries mxpost stands on, as imported targets.
find_package(Threads REQUIRED)
# Boost from 1.81 on: the front end links it statically, so that starting costs less.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS program_options)
find_package(OpenSSL 3.0 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
find_path(LDNS_INCLUDE_DIR ldns/ldns.h REQUIRED)
find_library(LDNS_LIBRARY ldns REQUIRED)
if(NOT TARGET LDNS::ldns)
    add_library(LDNS::ldns UNKNOWN IMPORTED)
    set_target_properties(LDNS::ldns PROPERTIES
        IMPORTED_LOCATION ${LDNS_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${LDNS_INCLUDE_DIR})
    target_link_libraries(LDNS::ldns INTERFACE OpenSSL::Crypto)
endif()
# Not by pkg-config: Debian's file also wants what only a static libunbound needs.
find_path(UNBOUND_INCLUDE_DIR unbound.h REQUIRED)
find_library(UNBOUND_LIBRARY unbound REQUIRED)
if(NOT TARGET Unbound::unbound)
    add_library(Unbound::unbound UNKNOWN IMPORTED)
    set_target_properties(Unbound::unbound PROPERTIES
        IMPORTED_LOCATION ${UNBOUND_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${UNBOUND_INCLUDE_DIR})
endif()
set(ZLIB_USE_STATIC_LIBS ON)  # as Boost: so that starting costs less
find_package(ZLIB REQUIRED)
# Only its headers: it is loaded when it is first needed (src/tls/curl_library.h).
find_path(CURL_INCLUDE_DIR curl/curl.h REQUIRED)
if(NOT TARGET CURL::headers)
    add_library(CURL::headers INTERFACE IMPORTED)
    set_target_properties(CURL::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${CURL_INCLUDE_DIR})
endif()
if(BUILD_TESTING)
    find_package(GTest REQUIRED)
    include(GoogleTest)
endif()
