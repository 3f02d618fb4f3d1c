#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace bramble {

/// One round of SHA-512 over the password and then the salt: `$6$SALT$HASH`. A graphics card tries thousands of
/// millions of passwords a second, so it is here only to read old files and to write files for old brokers.
struct Sha512Cost {
  auto operator<=>(const Sha512Cost&) const = default;
};

/// PBKDF2-HMAC-SHA512 (RFC 8018): `$7$ITERATIONS$SALT$HASH`. It is HMAC that zero bytes at the end of a password do not
/// count.
struct Pbkdf2Cost {
  static constexpr std::uint32_t kIterationsMax = 1'000'000;  ///< two thirds of a second of a server's core

  std::uint32_t iterations = 100'000;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 of what this expands to
  auto operator<=>(const Pbkdf2Cost&) const = default;
};

/// Argon2id (RFC 9106): `$argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH`. The defaults are the second of OWASP's
/// choices: 37 ms of a server's core, and little enough memory for a Pi.
struct Argon2Cost {
  static constexpr std::uint32_t kMemoryKibMax = 256 * 1024;
  static constexpr std::uint32_t kLanesMax = 16;
  static constexpr std::uint32_t kPassesMax = 1'000;
  static constexpr std::uint32_t kWorkKibMax = 1024 * 1024;  ///< memory times passes: a second of a server's core

  std::uint32_t memory_kib = 19'456;
  std::uint32_t passes = 2;
  std::uint32_t lanes = 1;  ///< a part of the result; all are computed by the thread that asks

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 of what this expands to
  auto operator<=>(const Argon2Cost&) const = default;
};

using PasswordCost = std::variant<Sha512Cost, Pbkdf2Cost, Argon2Cost>;

/// About how many microseconds of a server's core it takes to see whether a password matches. Good for comparing costs.
std::uint64_t microseconds(const PasswordCost& cost);

/// A password as it is stored: how it was hashed, the salt and the hash. In the forms of mosquitto_passwd, base64 with
/// padding for `$6$` and `$7$`, without for Argon2id (its PHC form).
/// Threads: a value, immutable; any number may ask the same one.
class PasswordHash {
 public:
  static constexpr std::size_t kPasswordBytesMax = 65'535;  ///< what a CONNECT can carry
  static constexpr std::size_t kSaltBytesMax = 128;
  static constexpr std::size_t kArgon2SaltBytesMin = 8;  ///< libargon2 takes none that is shorter

  /// Errors: not one of the forms, or one that asks for more work or memory than the limits above. The message says
  /// which and what would be right, and holds nothing of the text.
  static OrMessage<PasswordHash> parse(std::string_view text);

  /// Whether `text` has the beginning of a stored password of any program, `$NAME$`, though maybe of a form that parse
  /// refuses. All else is a password in plain text.
  static bool looks_hashed(std::string_view text);

  /// New ones. Password, salt and cost must be within the limits, a salt of at least one byte (Argon2id: of eight).
  /// Slow, as matches() is; no memory for it ends the process, as with any allocation.
  static PasswordHash sha512(std::string_view password, std::span<const unsigned char> salt);
  static PasswordHash pbkdf2(std::string_view password, std::span<const unsigned char> salt, Pbkdf2Cost cost = {});
  static PasswordHash argon2id(std::string_view password, std::span<const unsigned char> salt, Argon2Cost cost = {});

  /// Slow, and meant to be: cost() says how slow. Takes the memory that Argon2id asks for while it runs. Takes as long
  /// for a wrong password as for the right one. A password may hold any bytes, or none. False if there is no memory for
  /// it.
  bool matches(std::string_view password) const;

  const PasswordCost& cost() const { return cost_; }
  std::string text() const;

  /// Of the same cost and sizes, and matched by nothing: for users that do not exist, who then take as long to refuse.
  PasswordHash decoy() const;

 private:
  using Bytes = std::vector<unsigned char>;

  PasswordHash(PasswordCost cost, Bytes salt, Bytes hash)
      : cost_(cost), salt_(std::move(salt)), hash_(std::move(hash)) {}

  static OrMessage<PasswordHash> parse_pbkdf2(std::string_view text);
  static OrMessage<PasswordHash> parse_argon2id(std::string_view text);
  static OrMessage<PasswordHash> parse_sha512_fields(PasswordCost cost, std::string_view text);
  static PasswordHash make(std::string_view password, std::span<const unsigned char> salt, PasswordCost cost,
                           std::size_t hash_bytes);

  PasswordCost cost_;
  Bytes salt_;
  Bytes hash_;
};

}  // namespace bramble
