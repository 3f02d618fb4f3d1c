#include "broker/store/schema.h"

#include <fmt/format.h>

#include "broker/store/record.h"

namespace bramble {

namespace {

// "brmb", as the tool `file` and others see it.
constexpr std::int64_t kApplicationId = 0x62726D62;

// The queue is keyed by one rising number: new rows go to its end and old ones from its front, which costs a seventh of
// the CPU and a sixteenth of the bytes that a key of session and number costs (1000 sessions, 256 rows a commit, AMD
// EPYC VM, 2026-11-22). A message lies in `msg` once, however many sessions wait for it; one that only one waits for
// lies in its row of `q`, `msg` NULL, which halves the records. What SQL need not see of it is packed in `facts`, since
// each column costs when it is bound. `st` packs too: record.h. A session's Packet Identifiers are in doubt if there
// were more cuts than `sure_since`: so a crash costs no change of each session.
constexpr char kFormat1[] = R"sql(
  CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
  CREATE TABLE session(sid INTEGER PRIMARY KEY, client_id TEXT UNIQUE, expiry, gone_at, user, listener, mount_point,
                       will BLOB, sure_since);
  CREATE TABLE sub(sid, filter TEXT, opts, subid, PRIMARY KEY(sid, filter)) WITHOUT ROWID;
  CREATE TABLE msg(id INTEGER PRIMARY KEY, topic TEXT, payload BLOB, facts BLOB);
  CREATE TABLE q(g INTEGER PRIMARY KEY, sid, msg, st, subid, share, topic TEXT, payload BLOB, facts BLOB);
  CREATE TABLE q2in(sid, pid, mark, PRIMARY KEY(sid, pid)) WITHOUT ROWID;
  CREATE TABLE retained(slot INTEGER PRIMARY KEY, topic TEXT, payload BLOB, facts BLOB);
)sql";

constexpr UpgradeStep kSteps[] = {{1, kFormat1}};

// The lock comes before the log, so that the log's index is in our memory and not in a file that processes share. The
// log is moved into the file by Database::checkpoint(), never by SQLite inside a commit that somebody waits for
// (SqlConnection sees to that). cell_size_check is off, as it is by default: it refuses a damaged page at the first
// look and takes it at the second.
constexpr char kPragmas[] = R"sql(
  PRAGMA page_size = 4096;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 8400000;
  PRAGMA cache_size = -8192;
  PRAGMA temp_store = MEMORY;
  PRAGMA mmap_size = 0;
  PRAGMA trusted_schema = OFF;
)sql";

bool mark(SqlConnection& connection, std::int64_t format) {
  return connection.run(fmt::format("PRAGMA user_version = {}", format).c_str()) &&
         connection.run(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str()) &&
         set_meta(connection, "format", format) && set_written_by(connection);
}

bool take(SqlConnection& connection, std::int64_t from, std::span<const UpgradeStep> steps) {
  for (const UpgradeStep& step : steps) {
    if (step.to > from && !connection.run(step.sql)) return false;
  }
  return mark(connection, steps.back().to) && connection.run("COMMIT");
}

}  // namespace

std::span<const UpgradeStep> upgrade_steps() { return kSteps; }

std::int64_t current_format() { return upgrade_steps().back().to; }

std::int64_t format_of(const SqlConnection& connection) { return integer_of(connection, "PRAGMA user_version"); }

Trouble upgrade(SqlConnection& connection, std::int64_t from, std::span<const UpgradeStep> steps) {
  if (connection.run("BEGIN IMMEDIATE") && take(connection, from, steps)) return {};
  Trouble trouble = connection.trouble();
  if (connection.in_transaction()) connection.run("ROLLBACK");
  return trouble;
}

bool lock_first(SqlConnection& connection) { return connection.run("PRAGMA locking_mode = EXCLUSIVE"); }

bool set_up(SqlConnection& connection) {
  // The lock is taken by the first that needs it: this one, and it stays for as long as the connection is open.
  return lock_first(connection) && connection.run(kPragmas) && connection.run("BEGIN IMMEDIATE; COMMIT");
}

void read_all_the_same(SqlConnection& connection) {
  connection.run("PRAGMA writable_schema = ON");
  set_up(connection);
}

bool is_ours(const SqlConnection& connection) {
  Statement id(connection, "PRAGMA application_id");
  if (id.step() != Statement::Step::row || id.integer(0) == kApplicationId) return true;
  return integer_of(connection, "SELECT count(*) FROM sqlite_schema") == 0 && format_of(connection) == 0;
}

std::optional<std::int64_t> meta(const SqlConnection& connection, const char* name) {
  Statement statement(connection, "SELECT v FROM meta WHERE k = ?1");
  statement.bind_text(1, name);
  if (statement.step() != Statement::Step::row || statement.null(0)) return std::nullopt;
  return statement.integer(0);
}

bool set_meta(SqlConnection& connection, const char* name, std::int64_t value) {
  return Statement(connection, "INSERT OR REPLACE INTO meta VALUES(?1, ?2)").bind_text(1, name).bind(2, value).run();
}

std::int64_t cuts_of(const SqlConnection& connection) {
  return meta(connection, "cuts").value_or(0) + (meta(connection, "whole").value_or(1) == 0 ? 1 : 0);
}

bool set_cuts(SqlConnection& connection, std::int64_t cuts, bool whole) {
  return set_meta(connection, "cuts", cuts) && set_meta(connection, "whole", whole ? 1 : 0);
}

std::optional<Calendar::Kept> calendar_of(const SqlConnection& connection) {
  const auto ahead = meta(connection, "ahead"), seen_at = meta(connection, "seen_at");
  if (!ahead || !seen_at || std::chrono::abs(Milliseconds(*ahead)) > 90 * kYear) return std::nullopt;
  const auto seen = instant_of(*seen_at);
  if (!seen) return std::nullopt;
  return Calendar::Kept{Milliseconds(*ahead), *seen};
}

bool set_calendar(SqlConnection& connection, const Calendar::Kept& calendar) {
  return set_meta(connection, "ahead", calendar.ahead.count()) &&
         set_meta(connection, "seen_at", milliseconds_of(calendar.seen_at));
}

std::string written_by(const SqlConnection& connection) {
  return text_of(connection, "SELECT v FROM meta WHERE k = 'written_by'");
}

bool set_written_by(SqlConnection& connection) {
  Statement statement(connection, "INSERT OR REPLACE INTO meta VALUES('written_by', ?1)");
  return statement.bind_text(1, BRAMBLE_VERSION).run();
}

}  // namespace bramble
