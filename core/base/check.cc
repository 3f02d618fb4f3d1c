#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bramble {

void check_failed(const char* why, const SourcePlace& where) {
  std::fprintf(stderr, "bramble: this is our bug, please report it: %s (%s:%d, %s)\n", why, where.file, where.line,
               where.function);
  std::abort();
}

}  // namespace bramble
