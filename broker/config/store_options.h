#pragma once

namespace bramble {

/// Options of what survives a restart. Rows below.
struct StoreOptions {
  bool persistence = false;
};

}  // namespace bramble
