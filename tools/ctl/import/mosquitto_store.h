#pragma once

#include <optional>
#include <string>

#include "broker/store/database.h"
#include "tools/ctl/import/placing.h"
#include "tools/ctl/import/plan.h"

namespace bramble::ctl {

/// What is there of Mosquitto's database, and where Bramble's is to be.
struct StoreImport {
  enum class There : std::uint8_t {
    nothing,
    empty,  ///< a database that nothing is in, as a first start makes one
    used,
    locked,  ///< a broker has it, or it cannot be read
  };
  std::string from;  ///< Mosquitto's; empty: there is none
  std::string to;
  There there = There::nothing;
  std::string what{};    ///< what is there, a line
  std::string old_is{};  ///< the name that it has now
};

/// Looks, and changes nothing.
StoreImport look_at_store(const Plan& plan, const std::string& folder);

/// Makes the database, and moves aside what is there once it is whole. `dry`: nothing is made, what would be is
/// counted.
OrMessage<Database::Loaded> import_store(StoreImport& store, const Plan& plan, bool dry, Placing& placing);

/// "written 5 minutes ago"
std::string age_of_store(const StoreImport& store);
/// The process of the Mosquitto whose configuration it is, if its pid_file says that it runs.
std::optional<int> running_mosquitto(const Plan& plan);
/// A Mosquitto runs, or may run, that will write a database when it ends.
bool has_more(const Plan& plan);

}  // namespace bramble::ctl
