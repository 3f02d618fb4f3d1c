#pragma once

#include <string_view>

namespace bramble {

/// The option that was probably meant by a name that is none; empty: none is near.  Threads: any.
std::string_view near_miss(std::string_view name);

}  // namespace bramble
