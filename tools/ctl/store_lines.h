#pragma once

#include <cstdint>
#include <istream>
#include <string_view>

#include "broker/store/database.h"

namespace bramble::ctl {

/// Reads what StoreExport has written and tells it to `reader`. Publishers get the number that they have with this
/// seed. Retained messages get slots without gaps, for memory goes by the highest.
/// Errors: FILE:LINE and what is wrong there, which may be that its end is missing. What came before has been told
/// then.
OrMessage<Database::Loaded> read_store_lines(std::istream& in, std::string_view file_name, const Clocks& clocks,
                                             std::uint64_t seed, Database::Reader& reader);

}  // namespace bramble::ctl
