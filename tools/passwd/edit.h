#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/auth/password_hash.h"
#include "core/base/result.h"

namespace bramble::passwd {

/// The text of a password file after a change; all other lines stay as they were.
struct Edited {
  std::string text;
  std::size_t lines = 0;  ///< so many were changed or taken out
};

/// The line of `user` has this hash: the first of them, if there are more, and then the others are taken out. A new
/// user is the last.
Edited with_user(std::string_view text, std::string_view user, const PasswordHash& hash);

/// All lines of `user` are taken out.
Edited without_user(std::string_view text, std::string_view user);

/// Every password in plain text is replaced by what `hash` makes of it.  Errors: FILE:LINE and why, for a line that is
/// none and for a hash that is broken or of another program, which is not to be hashed once more.
OrMessage<Edited> with_hashes(std::string_view text, std::string_view file_name,
                              const std::function<OrMessage<PasswordHash>(std::string_view password)>& hash);

}  // namespace bramble::passwd
