# What gets installed where, and the Debian package (`cpack -G DEB`).
#
# Meant for the prefix /usr: callers have /usr/sbin/sendmail compiled in. The front end's other
# names are symbolic links to it; it looks at argv[0].
option(MXPOST_BESIDE "Package: mxpost-beside, which diverts another MTA's files instead of replacing it" OFF)

foreach(program sendmail mxpost)
    if(NOT TARGET ${program})
        message(STATUS "packaging: no target ${program}, so it won't be installed")
    endif()
endforeach()
if(TARGET sendmail)
    install(TARGETS sendmail RUNTIME DESTINATION sbin)
endif()
if(TARGET mxpost)
    install(TARGETS mxpost RUNTIME DESTINATION bin)
endif()

# Links are made here and copied as links, so that DESTDIR and cpack need no script of their own.
set(links ${PROJECT_BINARY_DIR}/packaging/links)
file(MAKE_DIRECTORY ${links}/bin ${links}/lib)
foreach(name bin/mailq bin/newaliases bin/hoststat bin/purgestat lib/sendmail)
    file(CREATE_LINK ../sbin/sendmail ${links}/${name} SYMBOLIC)
    get_filename_component(folder ${name} DIRECTORY)
    install(FILES ${links}/${name} DESTINATION ${folder})
endforeach()

# Manual pages, compressed as Debian has them (also so that a diversion meets the same name).
find_program(GZIP_PROGRAM gzip REQUIRED)
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.[158])
set(compressed)
foreach(page ${pages})
    get_filename_component(name ${page} NAME)
    string(REGEX REPLACE ".*\\." "" section ${name})
    set(target ${PROJECT_BINARY_DIR}/packaging/man/${name}.gz)
    add_custom_command(OUTPUT ${target}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/packaging/man
        COMMAND ${GZIP_PROGRAM} -9nc ${page} > ${target}
        DEPENDS ${page} VERBATIM)
    install(FILES ${target} DESTINATION share/man/man${section})
    list(APPEND compressed ${target})
endforeach()
add_custom_target(manual ALL DEPENDS ${compressed})

# /etc and not SYSCONFDIR: the programs read /etc/mxpost.conf whatever the prefix.
# dpkg asks before it overwrites what the administrator has edited; cmake --install must not either.
function(install_setting file directory)
    cmake_path(GET file FILENAME name)
    install(CODE "
        if(NOT EXISTS \"\$ENV{DESTDIR}${directory}/${name}\")
            file(INSTALL DESTINATION \"${directory}\" TYPE FILE FILES \"${file}\")
        else()
            message(STATUS \"Kept: \$ENV{DESTDIR}${directory}/${name}\")
        endif()")
endfunction()
install_setting(${PROJECT_SOURCE_DIR}/compat/mxpost.conf /etc)
install_setting(${PROJECT_SOURCE_DIR}/compat/cron/mxpost /etc/cron.d)
install(FILES
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost.service
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost.socket
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost-local.service
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost-local.socket
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost-queue.service
    ${PROJECT_SOURCE_DIR}/compat/systemd/mxpost-queue.timer
    DESTINATION /lib/systemd/system)
install(FILES
    ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/INSTALL ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    ${PROJECT_SOURCE_DIR}/SECURITY.md ${PROJECT_SOURCE_DIR}/docs/rfc.md
    ${PROJECT_SOURCE_DIR}/compat/php/mxpost.ini
    DESTINATION share/doc/mxpost)
# To be read: both are built in.
install(FILES ${PROJECT_SOURCE_DIR}/src/diagnose/replies ${PROJECT_SOURCE_DIR}/src/diagnose/providers
    DESTINATION share/mxpost)
install(FILES ${PROJECT_SOURCE_DIR}/compat/debian/copyright DESTINATION share/doc/mxpost)
install(FILES ${PROJECT_SOURCE_DIR}/compat/container/Dockerfile
    ${PROJECT_SOURCE_DIR}/compat/container/README.md DESTINATION share/doc/mxpost/container)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mxpost)
if(MXPOST_BESIDE)
    set(CPACK_PACKAGE_NAME mxpost-beside)
endif()
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The mxpost developers <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Accepts what local programs hand to /usr/sbin/sendmail, keeps it safe on disk\nand delivers it straight to the recipients' mail servers: no relay account,\nno daemon needed, no set-id program.")
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libcurl is loaded by name (src/tls/curl_library.h), which shlibdeps doesn't see.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, libcurl4 | libcurl4t64")
# The DNS root's keys, for `resolver = validating`.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS dns-root-data)
set(CPACK_STRIP_FILES ON)
# DESTDIR installs, because of the absolute paths below /etc and /lib.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
if(MXPOST_BESIDE)
    set(CPACK_DEBIAN_PACKAGE_CONFLICTS mxpost)
    set(CPACK_DEBIAN_PACKAGE_REPLACES mxpost)
else()
    set(CPACK_DEBIAN_PACKAGE_PROVIDES mail-transport-agent)
    set(CPACK_DEBIAN_PACKAGE_CONFLICTS "mail-transport-agent, mxpost-beside")
    set(CPACK_DEBIAN_PACKAGE_REPLACES "mail-transport-agent, mxpost-beside")
endif()

# The maintainer scripts are templates: the two packages differ in the diversions only.
set(scripts ${PROJECT_BINARY_DIR}/packaging/debian)
if(MXPOST_BESIDE)
    file(READ ${PROJECT_SOURCE_DIR}/compat/debian/diversions MXPOST_DIVERSIONS)
    string(STRIP "${MXPOST_DIVERSIONS}" MXPOST_DIVERSIONS)
    string(REPLACE "\n" " " MXPOST_DIVERSIONS "${MXPOST_DIVERSIONS}")
endif()
set(control)
foreach(script preinst postinst prerm postrm)
    configure_file(${PROJECT_SOURCE_DIR}/compat/debian/${script}.in ${scripts}/${script} @ONLY
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND control ${scripts}/${script})
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/compat/debian/conffiles ${scripts}/conffiles COPYONLY)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${control} ${scripts}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
