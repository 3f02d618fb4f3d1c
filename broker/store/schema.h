#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "broker/store/calendar.h"
#include "broker/store/statement.h"
#include "core/base/result.h"

namespace bramble {

/// A table of the file, as who copies or walks all of them needs it.
struct TableRow {
  const char* name;
  const char* key;               ///< its integer key; of a table whose key has two parts, the first
  const char* second = nullptr;  ///< the other part; null: there is one row a key

  bool unique() const { return second == nullptr; }
};
inline constexpr TableRow kTables[] = {
    {"session", "sid"}, {"sub", "sid", "filter"}, {"q2in", "sid", "pid"}, {"retained", "slot"}, {"msg", "id"},
    {"q", "g"},
};

/// What makes format `to` of the format before it. The first makes it of an empty file.
struct UpgradeStep {
  std::int64_t to;
  const char* sql;
};
/// By rising `to`; the last one is the format that this version writes.
std::span<const UpgradeStep> upgrade_steps();
std::int64_t current_format();
/// As the file says; 0: it is empty.
std::int64_t format_of(const SqlConnection& connection);

/// Walks the steps from `from` on, in one transaction. With trouble the file is as it was.
Trouble upgrade(SqlConnection& connection, std::int64_t from, std::span<const UpgradeStep> steps);

/// From the first look at it on, the file is locked, and the log's index is in our memory.
bool lock_first(SqlConnection& connection);
/// What is set on each connection before it is used: the lock, the log, how much is remembered. Takes the lock.
/// False: the connection says why.
bool set_up(SqlConnection& connection);
/// What is left of a file that has lost its end can then be read, which SQLite else refuses.
void read_all_the_same(SqlConnection& connection);
/// The file is one of ours, or empty, or cannot be read. Another program's has its own mark, or tables and none.
bool is_ours(const SqlConnection& connection);

/// The row `name` of the table meta.
std::optional<std::int64_t> meta(const SqlConnection& connection, const char* name);
bool set_meta(SqlConnection& connection, const char* name, std::int64_t value);
/// How often the file was left without all that clients knew. `whole`: it has that, as long as nobody has it open or
/// whoever has it keeps it so; not whole and found at a start, it was cut once more.
std::int64_t cuts_of(const SqlConnection& connection);
bool set_cuts(SqlConnection& connection, std::int64_t cuts, bool whole);
/// By which calendar its times are told; nothing: nobody has said so yet.
std::optional<Calendar::Kept> calendar_of(const SqlConnection& connection);
bool set_calendar(SqlConnection& connection, const Calendar::Kept& calendar);
/// Who wrote the file last: a version of Bramble.
std::string written_by(const SqlConnection& connection);
bool set_written_by(SqlConnection& connection);

}  // namespace bramble
