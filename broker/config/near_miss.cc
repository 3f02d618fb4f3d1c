#include "broker/config/near_miss.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "broker/config/option_names.h"

namespace bramble {

namespace {

// How many letters must be added, taken away or changed to make one of the other.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t i = 0; i <= to.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view near_miss(std::string_view name) {
  std::size_t nearest = 3;  // more than two slips is another word
  std::string_view found;
  for (const std::string_view known : option_names()) {
    if (known.size() > name.size() + 2 || name.size() > known.size() + 2) continue;
    const std::size_t here = distance(name, known);
    if (here < nearest) {
      nearest = here;
      found = known;
    }
  }
  return found;
}

}  // namespace bramble
