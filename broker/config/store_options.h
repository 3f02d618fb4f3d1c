#pragma once

#include <cstdint>
#include <string>

#include "broker/config/option_row.h"

namespace bramble {

/// Options of what survives a restart. Rows below.
struct StoreOptions {
  bool persistence = false;
  std::string persistence_file = "mosquitto.db";
  std::string persistence_location;
  std::uint32_t autosave_interval = 1800;
  bool autosave_on_changes = false;
};

inline constexpr OptionRow<StoreOptions> kStoreOptions[] = {
    {"persistence", &StoreOptions::persistence, Reload::at_start,
     "Keep sessions, queued and retained messages across restarts. Accepted with a warning: Bramble keeps them in "
     "memory only. `retained_persistence` is the same."},
    {"persistence_file", &StoreOptions::persistence_file, Reload::at_start,
     "Name of Mosquitto's database, which is not read yet."},
    {"persistence_location", &StoreOptions::persistence_location, Reload::at_start,
     "Folder of what is kept. Without effect until something is."},
    {"autosave_interval", &StoreOptions::autosave_interval, Range{.negative = 0}, Reload::at_once,
     "Seconds between two savings, in Mosquitto. Without effect until something is kept."},
    {"autosave_on_changes", &StoreOptions::autosave_on_changes, Reload::at_once,
     "autosave_interval counts changes, in Mosquitto. Without effect until something is kept."},
};

}  // namespace bramble
