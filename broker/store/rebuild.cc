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

/// False: it could not be written.
bool copy(const TableRow& table, TableScan& scan, const SqlConnection& to) {
  const Statement* row = scan.next();
  if (row == nullptr) return true;
  Statement insert(to, insertion(table, row->columns() - 1));
  for (; row != nullptr; row = scan.next()) {
    for (int column = 1; column < row->columns(); ++column) insert.bind_column(column, *row, column);
    if (!insert.run()) return false;
  }
  return true;
}

bool copy_all(const SqlConnection& from, SqlConnection& to, std::uint64_t& lost) {
  if (!to.run("BEGIN IMMEDIATE")) return false;
  if (const auto seed = meta(from, "seed"); seed && !set_meta(to, "seed", *seed)) return false;
  if (!set_cuts(to, meta(from, "cuts").value_or(0), meta(from, "whole").value_or(1) != 0)) return false;
  for (const TableRow& table : kTables) {
    TableScan scan(from, table, "*");  // so that it gives the key twice
    if (!copy(table, scan, to)) return false;
    lost += scan.gaps().size();
  }
  return to.run("COMMIT") && to.checkpoint(true);
}

}  // namespace

Trouble make_empty(SqlConnection& fresh) {
  if (!set_up(fresh)) return fresh.trouble();
  if (Trouble trouble = upgrade(fresh, 0, upgrade_steps())) return trouble;
  return fresh.checkpoint(true) ? Trouble{} : fresh.trouble();
}

Trouble copy_readable(const SqlConnection& damaged, SqlConnection& fresh, std::uint64_t& lost) {
  if (Trouble trouble = make_empty(fresh)) return trouble;
  if (copy_all(damaged, fresh, lost)) return {};
  Trouble trouble = fresh.trouble();
  if (fresh.in_transaction()) fresh.run("ROLLBACK");
  return trouble;
}

}  // namespace bramble
