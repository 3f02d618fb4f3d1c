#include "broker/store/rebuild.h"

#include <fmt/format.h>
#include <string>

#include "broker/store/schema.h"
#include "broker/store/table_scan.h"

namespace bramble {

namespace {

/// Of two sessions of one client, which damage can make, the first: as Loading.
std::string insertion(const TableRow& table, int columns) {
  std::string sql = fmt::format("INSERT OR IGNORE INTO {} VALUES(?1", table.name);
  for (int column = 2; column <= columns; ++column) sql += fmt::format(", ?{}", column);
  return sql + ")";
}

Trouble copy(const TableRow& table, TableScan& scan, const SqlConnection& to) {
  if (const Statement* row = scan.next()) {
    Statement insert(to, insertion(table, row->columns() - 1));
    for (; row != nullptr; row = scan.next()) {
      for (int column = 1; column < row->columns(); ++column) insert.bind_column(column, *row, column);
      if (!insert.run()) return to.trouble();
    }
  }
  return scan.trouble();
}

/// Of the table meta, as far as it can be read.
bool copy_facts(const SqlConnection& from, SqlConnection& to) {
  const auto seed = meta(from, "seed");
  return (!seed || set_meta(to, "seed", *seed)) &&
         set_cuts(to, meta(from, "cuts").value_or(0), meta(from, "whole").value_or(1) != 0);
}

Trouble copy_all(const SqlConnection& from, SqlConnection& to, TableScan::BadPlaces bad_places, std::uint64_t& lost) {
  if (!to.run("BEGIN IMMEDIATE") || !copy_facts(from, to)) return to.trouble();
  for (const TableRow& table : kTables) {
    TableScan scan(from, table, "*", bad_places);  // so that it gives the key twice
    if (Trouble trouble = copy(table, scan, to)) return trouble;
    lost += scan.gaps().size();
  }
  return to.run("COMMIT") && to.checkpoint(true) ? Trouble{} : to.trouble();
}

}  // namespace

Trouble make_empty(SqlConnection& fresh) {
  if (!set_up(fresh)) return fresh.trouble();
  if (Trouble trouble = upgrade(fresh, 0, upgrade_steps())) return trouble;
  return fresh.checkpoint(true) ? Trouble{} : fresh.trouble();
}

Trouble copy_readable(const SqlConnection& damaged, SqlConnection& fresh, TableScan::BadPlaces bad_places,
                      std::uint64_t& lost) {
  if (Trouble trouble = make_empty(fresh)) return trouble;
  Trouble trouble = copy_all(damaged, fresh, bad_places, lost);
  if (fresh.in_transaction()) fresh.run("ROLLBACK");
  return trouble;
}

}  // namespace bramble
