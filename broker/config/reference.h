#pragma once

#include <string>

namespace bramble {

/// The text of configs/reference.conf: every option with its help and its default, from the rows.
std::string config_reference();

}  // namespace bramble
