#include "tools/passwd/new_hash.h"

#include <array>
#include <openssl/rand.h>
#include <span>

namespace bramble::passwd {

namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMosquittoSaltBytes = 12;  // Mosquitto takes no other with its own two forms, before 2.1

}  // namespace

OrMessage<PasswordHash> new_hash(std::string_view password, const Hashing& hashing) {
  std::array<unsigned char, kSaltBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return tl::unexpected<std::string>("there are no random bytes to make a salt of");
  }
  const std::span<const unsigned char> salt(random);
  switch (hashing.form) {
    case HashForm::pbkdf2: return PasswordHash::pbkdf2(password, salt.first(kMosquittoSaltBytes), hashing.pbkdf2);
    case HashForm::sha512: return PasswordHash::sha512(password, salt.first(kMosquittoSaltBytes));
    case HashForm::argon2id: break;
  }
  return PasswordHash::argon2id(password, salt);
}

}  // namespace bramble::passwd
