#pragma once

#include <string>

namespace bramble::ctl {

/// The part of `explain publish` that a broker has to be asked for: who would get a message of `client` on `topic`, as
/// subscribers see it, and who would not, and why. Whatever keeps it from being asked is said there too. `socket`
/// empty: no broker can be asked.
std::string say_receivers(const std::string& socket, const std::string& topic, const std::string& client);

}  // namespace bramble::ctl
