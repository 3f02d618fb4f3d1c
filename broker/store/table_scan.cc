#include "broker/store/table_scan.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <optional>
#include <string>

#include "core/base/check.h"

namespace bramble {

namespace {

constexpr std::int64_t kLastKey = std::numeric_limits<std::int64_t>::max();

std::int64_t plus(std::int64_t key, std::int64_t more) { return key > kLastKey - more ? kLastKey : key + more; }

}  // namespace

TableScan::TableScan(const SqlConnection& connection, const TableRow& table, std::string_view columns,
                     BadPlaces bad_places)
    : connection_(connection),
      table_(table),
      bad_places_(bad_places),
      rows_(connection,
            fmt::format("SELECT {0}, {1} FROM {2} WHERE {0} >= ?1 ORDER BY {0}", table.key, columns, table.name)) {
  rows_.bind(1, from_);
}

const Statement* TableScan::next() {
  if (at_end_) return nullptr;
  const auto step = rows_.step();
  if (step == Statement::Step::done) at_end_ = true;
  // A page that is another than it should be can lead back to rows that have been.
  const bool back = step == Statement::Step::row && rows_.integer(0) < from_;
  if (back || (step == Statement::Step::failed && damaged())) skip();
  if (at_end_) return nullptr;
  const std::int64_t key = rows_.integer(0);
  from_ = table_.unique() ? plus(key, 1) : key;
  return &rows_;
}

/// Why the last step failed. Else the walk is over, for it is no matter of the file. Damage makes SQLite say many
/// things, of values that are too long, above all.
bool TableScan::damaged() {
  const Fault fault = connection_.fault();
  const bool unread = fault == Fault::unread;
  const bool elsewhere = fault == Fault::disk || fault == Fault::in_use;
  met_bad_places_ |= unread && bad_places_ == BadPlaces::are_damage;
  if (!elsewhere && (!unread || bad_places_ == BadPlaces::are_damage)) return true;
  trouble_ = connection_.trouble();
  at_end_ = true;
  return false;
}

/// From there on: there is a row, or the end.
bool TableScan::readable(std::int64_t from) {
  rows_.reset();
  const auto step = rows_.bind(1, from).step();
  at_end_ = step == Statement::Step::done || (step == Statement::Step::failed && !damaged());
  return at_end_ || (step == Statement::Step::row && rows_.integer(0) >= from);
}

/// To the first key that can be read, near enough: doubling steps until one can, then between it and the last that
/// cannot. rows_ stands on its row. Of a key with several rows some may have been given: it is no part of the gap.
void TableScan::skip() {
  std::int64_t bad = from_, good = from_;
  for (std::int64_t step = 1; good != kLastKey; step = plus(step, step)) {
    good = plus(from_, step);
    if (readable(good)) break;
    bad = good;
  }
  while (good - bad > 1) {
    const std::int64_t middle = bad + (good - bad) / 2;
    (readable(middle) ? good : bad) = middle;
  }
  if (!trouble_) at_end_ = !readable(good) || at_end_;
  gaps_.push_back({&table_, table_.unique() ? from_ : plus(from_, 1), at_end_ ? kLastKey : good - 1});
  from_ = good;
}

const TableRow& table(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kTables), std::end(kTables), [&](const TableRow& row) { return row.name == name; });
  check(found != std::end(kTables), "a table of ours");
  return *found;
}

namespace {

bool remove_of(SqlConnection& connection, const TableRow& table, const std::vector<KeyRange>& ranges) {
  const std::string some = fmt::format("DELETE FROM {} WHERE {} BETWEEN ?1 AND ?2", table.name, table.key);
  Statement all(connection, some);
  std::optional<Statement> one;
  if (!table.unique()) one.emplace(connection, fmt::format("{} AND {} IS ?3", some, table.second));
  return std::all_of(ranges.begin(), ranges.end(), [&](const KeyRange& range) {
    if (range.table != &table) return true;
    Statement& statement = range.second ? *one : all;
    statement.bind(1, range.first).bind(2, range.last);
    if (range.second) statement.bind_value(3, range.second);
    return statement.run();
  });
}

}  // namespace

Trouble remove(SqlConnection& connection, const std::vector<KeyRange>& ranges) {
  if (ranges.empty()) return {};
  bool done = connection.run("BEGIN IMMEDIATE");
  for (const TableRow& table : kTables) done = done && remove_of(connection, table, ranges);
  if (done && connection.run("COMMIT")) return {};
  Trouble trouble = connection.trouble();
  if (connection.in_transaction()) connection.run("ROLLBACK");
  return trouble;
}

}  // namespace bramble
