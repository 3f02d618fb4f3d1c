#pragma once

#include <optional>

#include "broker/config/option_row.h"

namespace bramble {

/// Options of who may log in. Rows below.
struct AuthOptions {
  std::optional<bool> allow_anonymous;  ///< for every listener that does not say otherwise
};

inline constexpr OptionRow<AuthOptions> kAuthOptions[] = {
    {"allow_anonymous", &AuthOptions::allow_anonymous, Reload::new_connections,
     "Let clients in without a user name. Not given: true while no listener is configured, for then only this machine "
     "is served; false as soon as one is."},
};

}  // namespace bramble
