#pragma once

#include <string>

#include "tools/ctl/import/mosquitto_store.h"
#include "tools/ctl/import/placing.h"
#include "tools/ctl/import/plan.h"

namespace bramble::ctl {

/// What an import has done, or would do, in the order in which a person asks.
struct ImportReport {
  const ImportWords& words;
  const Plan& plan;
  const Placing& placing;
  const StoreImport& store;
  const std::optional<Database::Loaded>& loaded;  ///< none: nothing was imported
};

/// The files, the lines that differ and why, what stays, the database, who may connect then.
std::string text_of(const ImportReport& report);
/// What would be in the way of a start.
std::string what_is_to_be_seen_to(const Plan& plan);
/// How to change over, in one line that a shell takes as it is.
std::string what_is_next(const ImportReport& report);

}  // namespace bramble::ctl
