#pragma once

#include "broker/config/option_row.h"

namespace bramble {

/// Options of what survives a restart. Rows below.
struct StoreOptions {
  bool persistence = false;
};

inline constexpr OptionRow<StoreOptions> kStoreOptions[] = {
    {"persistence", &StoreOptions::persistence, Reload::at_start,
     "Keep sessions, queued and retained messages across restarts. Accepted with a warning: Bramble keeps them in "
     "memory only."},
};

}  // namespace bramble
