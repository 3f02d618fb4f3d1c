#include "broker/config/container.h"

#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>

namespace bramble {

namespace {

/// A link that leads nowhere, too: who mounted it means that file.
bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

}  // namespace

ContainerFile find_container_file(const ContainerPlaces& places) {
  for (const std::string& path : {places.own, places.mosquitto, places.first_start()}) {
    if (is_there(path)) return {path, true};
  }
  return {places.first_start(), false};
}

std::string first_start_config(const ContainerPlaces& places) {
  return fmt::format(
      "# Made by the first start in this container, and yours from then on. What can stand here is in reference.conf "
      "of\n"
      "# Bramble's configs; a file that is mounted as {} takes the place of this one.\n"
      "\n"
      "# All interfaces of the container: who reaches it from outside is said by the ports that are published.\n"
      "port 1883\n"
      "\n"
      "# Nobody without a password. More users, who are known at once: bramble-passwd {} NAME\n"
      "allow_anonymous false\n"
      "password_file {}\n"
      "watch_files true\n"
      "\n"
      "# Kept on disk; a crash or a power cut loses what was acknowledged in the last second at most.\n"
      "persistence true\n"
      "persistence_location {}\n"
      "\n"
      "log_dest stderr\n",
      places.own, places.passwords(), places.passwords(), places.data);
}

}  // namespace bramble
