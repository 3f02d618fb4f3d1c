#pragma once

#include <string_view>

#include "core/auth/password_hash.h"
#include "core/base/result.h"

namespace bramble::passwd {

enum class HashForm { argon2id, pbkdf2, sha512 };

/// How to hash a new password.
struct Hashing {
  HashForm form = HashForm::argon2id;
  Pbkdf2Cost pbkdf2;
};

/// A hash of `password` with a random salt. Slow.  Errors: this machine gives no random bytes.
OrMessage<PasswordHash> new_hash(std::string_view password, const Hashing& hashing);

}  // namespace bramble::passwd
