#pragma once

#include <cstdint>

#include "broker/store/statement.h"
#include "broker/store/table_scan.h"

namespace bramble {

/// Makes a database with nothing in it of `fresh`, an empty file, and leaves no log.
Trouble make_empty(SqlConnection& fresh);

/// Fills `fresh`, an empty file, with all that can be read of `damaged`, row by row as it is: damage that lies in
/// indexes, in pages that nobody uses or between the tables is gone then. `lost`: the places that could not be read.
/// Trouble: of writing, or of a disk that does not give what is there.
/// Threads: those of the connections.  Cost: as reading and writing everything.
Trouble copy_readable(const SqlConnection& damaged, SqlConnection& fresh, TableScan::BadPlaces bad_places,
                      std::uint64_t& lost);

}  // namespace bramble
