#pragma once

#include <string>

namespace bramble::bench {

/// Four digits for people, with a space before each group of three: 1 234 567.
std::string for_people(double value);

/// Three digits and the letter that fits: 12.3k, 4.56M.
std::string in_short(double value);

/// `value` with so many digits after the point.
std::string fixed(double value, int decimals);

}  // namespace bramble::bench
