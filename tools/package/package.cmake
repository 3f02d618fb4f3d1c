# Two Debian packages, by `cpack` in a build folder: bramble, and bramble-tools with the load tester.
include(GNUInstallDirs)
set(package ${CMAKE_CURRENT_LIST_DIR})
set(made ${CMAKE_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${made})
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME bramble)

# Made when they are installed, and by nobody else: manual pages of what the programs say, changelogs.
set(emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
function(bramble_compressed name command)  # what it prints; the rest is what it depends on
  add_custom_command(OUTPUT ${made}/${name}.gz VERBATIM
    COMMAND sh -ec "$1 > \"$0\" && gzip -9nf \"$0\"" ${made}/${name} "${command}"
    DEPENDS ${ARGN})
  set_property(GLOBAL APPEND PROPERTY bramble_compressed ${made}/${name}.gz)
endfunction()
function(bramble_manual program number)
  string(REPLACE ";" " " command "${package}/manual.py ${program} ${number} ${PROJECT_VERSION} ${emulator} $<TARGET_FILE:${program}>")
  bramble_compressed(${program}.${number} "${command}" ${package}/manual.py ${program})
endfunction()
bramble_manual(bramble 8)
bramble_manual(bramble-ctl 1)
bramble_manual(bramble-passwd 1)
bramble_manual(bramble-bench 1)
set(reference ${CMAKE_SOURCE_DIR}/configs/reference.conf)
bramble_compressed(bramble.conf.5 "${package}/manual.py bramble.conf 5 ${PROJECT_VERSION} ${reference}"
  ${package}/manual.py ${reference})
bramble_compressed(changelog "cat ${CMAKE_SOURCE_DIR}/CHANGELOG.md" ${CMAKE_SOURCE_DIR}/CHANGELOG.md)
bramble_compressed(changelog.Debian "cat ${package}/changelog" ${package}/changelog)
get_property(compressed GLOBAL PROPERTY bramble_compressed)
add_custom_target(package_files DEPENDS ${compressed} bramble bramble-ctl bramble-passwd bramble-bench)
install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" --build \"${CMAKE_BINARY_DIR}\" --target package_files
  COMMAND_ERROR_IS_FATAL ANY)")

set(shared_doc ${CMAKE_INSTALL_DATADIR}/doc)
set(overrides ${CMAKE_INSTALL_DATADIR}/lintian/overrides)
set(completions ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(TARGETS bramble bramble-ctl bramble-passwd RUNTIME)
install(FILES ${made}/bramble.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${made}/bramble-ctl.1.gz ${made}/bramble-passwd.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/bramble.conf.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
foreach(program bramble bramble-ctl bramble-passwd)
  install(FILES ${package}/completion.bash DESTINATION ${completions} RENAME ${program})
endforeach()
install(FILES ${package}/bramble.service DESTINATION /usr/lib/systemd/system)
install(FILES ${package}/bramble.conf DESTINATION /etc/bramble)
install(FILES ${package}/conf.d/README DESTINATION /etc/bramble/conf.d)
install(FILES ${package}/copyright ${package}/README.Debian ${made}/changelog.gz ${made}/changelog.Debian.gz
  DESTINATION ${shared_doc}/bramble)
install(FILES ${reference} ${CMAKE_SOURCE_DIR}/configs/home.conf ${CMAKE_SOURCE_DIR}/configs/pi.conf
  ${CMAKE_SOURCE_DIR}/configs/tls.conf ${CMAKE_SOURCE_DIR}/configs/websocket.conf
  ${CMAKE_SOURCE_DIR}/configs/internet-facing.conf DESTINATION ${shared_doc}/bramble/examples)
install(FILES ${package}/bramble.lintian-overrides DESTINATION ${overrides} RENAME bramble)

install(TARGETS bramble-bench RUNTIME COMPONENT tools)
install(FILES ${made}/bramble-bench.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
install(FILES ${package}/completion.bash DESTINATION ${completions} RENAME bramble-bench COMPONENT tools)
install(FILES ${package}/copyright ${made}/changelog.gz ${made}/changelog.Debian.gz
  DESTINATION ${shared_doc}/bramble-tools COMPONENT tools)
install(FILES ${package}/bramble-tools.lintian-overrides DESTINATION ${overrides} RENAME bramble-tools COMPONENT tools)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bramble)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR Bramble)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own; the project's would come above it
set(CPACK_PACKAGE_CONTACT "The Bramble authors <bramble@example.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL bramble tools)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_BRAMBLE_PACKAGE_NAME bramble)
set(CPACK_DEBIAN_BRAMBLE_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_BRAMBLE_PACKAGE_SUGGESTS "avahi-daemon, bramble-tools, mosquitto-clients")
set(CPACK_COMPONENT_BRAMBLE_DESCRIPTION "multithreaded MQTT broker
Serves clients of MQTT 5.0, 3.1.1 and 3.1 over TCP, TLS and WebSocket on all
cores, keeps what was acknowledged on disk, and reads the configuration of
Mosquitto.
.
With bramble-ctl, which looks at configurations and talks to brokers, and
bramble-passwd, which sets the passwords of users.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME bramble-tools)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "load tester for MQTT brokers
Plays publishers and subscribers in many numbers and forms to a broker, and
tells throughput, latency, and what was lost, doubled or out of order.")
file(WRITE ${made}/conffiles "/etc/bramble/bramble.conf\n/etc/bramble/conf.d/README\n")
set(CPACK_DEBIAN_BRAMBLE_PACKAGE_CONTROL_EXTRA ${package}/postinst ${package}/prerm ${package}/postrm ${made}/conffiles)
if(CMAKE_CROSSCOMPILING)
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
endif()
include(CPack)
