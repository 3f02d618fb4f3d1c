#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "broker/config/option_row.h"

namespace bramble {

/// What an acknowledgement says about the disk.
enum class Promise : std::uint8_t {
  nothing,   ///< all is in memory only
  interval,  ///< what is acknowledged is on the disk durability_interval later
  commit,    ///< what is acknowledged is on the disk
};

/// Options of what survives a restart. Rows below.
struct StoreOptions {
  bool persistence = false;
  Promise durability = Promise::interval;
  std::chrono::seconds durability_interval{1};
  std::string persistence_file = "mosquitto.db";
  std::string persistence_location;
  std::uint32_t autosave_interval = 1800;
  bool autosave_on_changes = false;

  /// What both options together mean.
  Promise promise() const { return persistence ? durability : Promise::nothing; }
};

std::string read_durability(StoreOptions& options, std::string_view value);
std::string show_durability(const StoreOptions& options);

inline constexpr OptionRow<StoreOptions> kStoreOptions[] = {
    {"persistence", &StoreOptions::persistence, Reload::at_start,
     "Keep retained messages, sessions and what is queued for them across restarts, crashes and power cuts, in the "
     "file bramble.db. What may be lost, `durability` says. `retained_persistence` is the same."},
    {"durability", Special<StoreOptions>{read_durability, show_durability, copy_fields<&StoreOptions::durability>},
     Reload::at_start,
     "With `persistence true`: `commit`: what is acknowledged is on the disk, and nothing of it is lost when the power "
     "is cut; acknowledgements wait for the disk. `interval`: acknowledged at once, on the disk durability_interval "
     "later; a crash or power cut loses no more than that. `none`: in memory only. Bramble's own."},
    {"durability_interval", &StoreOptions::durability_interval, Range{.low = 1, .high = 86'400}, Reload::at_start,
     "Seconds within which what is acknowledged is on the disk, with `durability interval`. More of them write less to "
     "worn cards. Bramble's own."},
    {"persistence_file", &StoreOptions::persistence_file, Reload::at_start,
     "Name of Mosquitto's database in persistence_location. It is never changed: what is in it is taken over once, "
     "when there is no bramble.db yet."},
    {"persistence_location", &StoreOptions::persistence_location, Reload::at_start,
     "Folder of bramble.db. If it is not there it is made, with 0700, for the account that the broker runs as; what it "
     "lies in has to be there. (Mosquitto makes none: it starts, and saves nothing.) Empty: the folder that the broker "
     "is started in."},
    {"autosave_interval", &StoreOptions::autosave_interval, Range{.negative = 0}, Reload::at_once,
     "Seconds between two savings, in Mosquitto. Without effect: durability_interval alone says when."},
    {"autosave_on_changes", &StoreOptions::autosave_on_changes, Reload::at_once,
     "autosave_interval counts changes, in Mosquitto. Without effect: durability_interval alone says when."},
};

}  // namespace bramble
