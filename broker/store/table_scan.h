#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/store/schema.h"
#include "broker/store/statement.h"

namespace bramble {

/// Some keys of a table, both ends included.
struct KeyRange {
  const TableRow* table = nullptr;
  std::int64_t first = 0, last = 0;
  SqlValue second{};  ///< null: whatever the second part is
};

/// The rows of a table by rising key, round what is damaged: where SQLite gives up, the walk begins anew at the first
/// key behind it that can be read. Between two damaged places that lie near each other good rows may be left out
/// (at most as many keys as the first place took), since the second is only seen when it is run into.
/// Threads: those of the connection.
class TableScan {
 public:
  /// What the disk does not give (Fault::unread) is damaged too, or ends the walk.
  enum class BadPlaces : bool { are_damage, end_it };

  /// `columns` of a table of kTables. What next() gives has the key in column 0, and then those.
  TableScan(const SqlConnection& connection, const TableRow& table, std::string_view columns, BadPlaces bad_places);

  /// The next row, good until the next call; null: there is none, or trouble().
  const Statement* next();
  const std::vector<KeyRange>& gaps() const { return gaps_; }
  /// Some of the gaps are so because the disk does not give them.
  bool met_bad_places() const { return met_bad_places_; }
  /// Why it has ended before the end of the table.
  const Trouble& trouble() const { return trouble_; }

 private:
  bool damaged();
  bool readable(std::int64_t from);
  void skip();

  const SqlConnection& connection_;
  const TableRow& table_;
  const BadPlaces bad_places_;
  Statement rows_;
  std::int64_t from_ = 0;  ///< no row before this key is wanted any more
  bool at_end_ = false;
  bool met_bad_places_ = false;
  Trouble trouble_;
  std::vector<KeyRange> gaps_;
};

const TableRow& table(std::string_view name);

/// Removes them, in one transaction.
Trouble remove(SqlConnection& connection, const std::vector<KeyRange>& ranges);

}  // namespace bramble
