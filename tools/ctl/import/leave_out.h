#pragma once

#include <string>
#include <vector>

#include "broker/config/config.h"
#include "tools/ctl/import/source.h"

namespace bramble::ctl {

/// What Bramble makes of the configuration without what it refuses and the person has said may go.
struct Accepted {
  Config config;
  std::vector<Change> left_out;
};

/// Only options that Bramble does not have can be left out, and bridges: not a wrong value of one that it has, such as
/// `protocol http_api`, for what would be in its place is another thing.
/// Errors: a line for each line that is refused still, and how to go on; or that there is nothing of that name.
OrMessage<Accepted> accept(const std::vector<ConfigLine>& lines, const std::vector<std::string>& leave_out);

}  // namespace bramble::ctl
