#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "broker/store/database.h"
#include "core/base/result.h"

namespace bramble {

/// Looking at a database that no broker has open. Neither the file nor its log is changed, whatever is found; what is
/// only in the log counts too.
/// Errors: a line: it is not there, cannot be opened, is in use, or is no database of ours.
/// Threads: one at a time.

struct DatabaseContents {
  std::int64_t format = 0;
  std::string written_by;  ///< the version of bramble that had it last
  std::uint64_t sessions = 0, subscriptions = 0, receipts = 0, retained = 0, messages = 0, deliveries = 0;
  std::uint64_t file_bytes = 0;  ///< its size, and the log's
};
OrMessage<DatabaseContents> inspect_database(const std::filesystem::path& file);

/// What is wrong with it, a line each; nothing: it is in order.  Cost: reads all of it more than once.
OrMessage<std::vector<std::string>> check_database(const std::filesystem::path& file);

/// As Database::load() does, but what cannot be read stays where it is. `reader` is asked for once, with the seed of
/// the database, and gets all of it.
OrMessage<Database::Loaded> read_database(const std::filesystem::path& file, const Clocks& system,
                                          const std::function<Database::Reader&(std::uint64_t seed)>& reader);

}  // namespace bramble
