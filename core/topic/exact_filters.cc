#include "core/topic/exact_filters.h"

namespace bramble {

std::size_t ExactFilters::bytes() const {
  std::size_t bytes = sizeof *this;
  for (const Part& part : parts_) bytes += part.filters.bytes();
  return bytes;
}

}  // namespace bramble
