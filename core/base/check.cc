#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bramble {

void check_failed(const char* why, const char* file, int line) {
  std::fprintf(stderr, "bramble: this is our bug, please report it: %s (%s:%d)\n", why, file, line);
  std::abort();
}

}  // namespace bramble
