#pragma once

#include <string>
#include <string_view>

#include "broker/config/config_file.h"

namespace bramble {

/// Where the broker looks in a container (--container).
struct ContainerPlaces {
  std::string own = "/etc/bramble/bramble.conf";
  std::string mosquitto = "/mosquitto/config/mosquitto.conf";  ///< where eclipse-mosquitto has it
  std::string data = "/var/lib/bramble";                       ///< what the first start makes lies here

  std::string first_start() const { return data + "/bramble.conf"; }
  std::string passwords() const { return data + "/passwd"; }
};

/// The file that counts: the first of own, mosquitto and first_start() that is there, readable or not.
/// `there` false: none is, and the first start makes the last.  Threads: any.
struct ContainerFile {
  std::string path;
  bool there = true;
};
ContainerFile find_container_file(const ContainerPlaces& places);

/// What the first start writes into first_start(): one user, and no way in without a password.
std::string first_start_config(const ContainerPlaces& places);

}  // namespace bramble
