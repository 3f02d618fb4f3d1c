#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bramble {

void check_failed(const char* why, const std::source_location& where) {
  std::fprintf(stderr, "bramble: this is our bug, please report it: %s (%s:%u, %s)\n", why, where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  std::abort();
}

}  // namespace bramble
