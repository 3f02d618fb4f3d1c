#include "core/auth/password_hash.h"

#include <algorithm>
#include <argon2.h>
#include <charconv>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <optional>

#include "core/auth/base64.h"
#include "core/base/check.h"

namespace bramble {

namespace {

constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kArgon2HashBytes = 32;  // of new ones
constexpr std::size_t kArgon2HashBytesMin = 16;
constexpr std::size_t kArgon2HashBytesMax = 64;
constexpr std::uint32_t kArgon2KibPerLaneMin = 8;

constexpr std::string_view kSha512Name = "$6$";
constexpr std::string_view kPbkdf2Name = "$7$";
constexpr std::string_view kArgon2idName = "$argon2id$";
constexpr std::string_view kArgon2idVersion = "v=19$";

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// What is before the first `mark`, which is taken away with it; all of it if there is none.
std::string_view take_until(std::string_view& text, char mark) {
  const auto at = std::min(text.find(mark), text.size());
  const auto field = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return field;
}

/// Digits alone, without zeros before them.
std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return value;
}

/// `name`=number, up to the next comma.
std::optional<std::uint32_t> named_number(std::string_view& text, std::string_view name) {
  std::string_view field = take_until(text, ',');
  if (!field.starts_with(name)) return std::nullopt;
  return number(field.substr(name.size()));
}

std::string too_much(std::string_view what, std::uint64_t is, std::uint64_t max) {
  return std::string(what) + " " + std::to_string(is) + ": at most " + std::to_string(max) + " are computed";
}

/// What is wrong with a cost; empty: nothing.
std::string refuse(Pbkdf2Cost cost) {
  if (cost.iterations == 0) return "has 0 iterations: at least 1";
  if (cost.iterations > Pbkdf2Cost::kIterationsMax) {
    return too_much("has iterations", cost.iterations, Pbkdf2Cost::kIterationsMax);
  }
  return {};
}

std::string refuse(Argon2Cost cost) {
  if (cost.lanes == 0 || cost.passes == 0) return "needs p and t of at least 1";
  if (cost.lanes > Argon2Cost::kLanesMax) return too_much("has p =", cost.lanes, Argon2Cost::kLanesMax);
  if (cost.passes > Argon2Cost::kPassesMax) return too_much("has t =", cost.passes, Argon2Cost::kPassesMax);
  if (cost.memory_kib > Argon2Cost::kMemoryKibMax) {
    return too_much("has m =", cost.memory_kib, Argon2Cost::kMemoryKibMax);
  }
  if (cost.memory_kib < kArgon2KibPerLaneMin * cost.lanes) return "needs an m of at least 8 times p";
  const std::uint64_t work_kib = std::uint64_t{cost.memory_kib} * cost.passes;
  if (work_kib > Argon2Cost::kWorkKibMax) return too_much("has m times t =", work_kib, Argon2Cost::kWorkKibMax);
  return {};
}

bool compute(Sha512Cost, std::string_view password, std::span<const unsigned char> salt,
             std::span<unsigned char> hash) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return digest && EVP_DigestInit_ex(digest.get(), EVP_sha512(), nullptr) == 1 &&
         EVP_DigestUpdate(digest.get(), password.data(), password.size()) == 1 &&
         EVP_DigestUpdate(digest.get(), salt.data(), salt.size()) == 1 &&
         EVP_DigestFinal_ex(digest.get(), hash.data(), nullptr) == 1;
}

bool compute(Pbkdf2Cost cost, std::string_view password, std::span<const unsigned char> salt,
             std::span<unsigned char> hash) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                           static_cast<int>(salt.size()), static_cast<int>(cost.iterations), EVP_sha512(),
                           static_cast<int>(hash.size()), hash.data()) == 1;
}

// argon2id_hash_raw would start a thread for each lane.
bool compute(Argon2Cost cost, std::string_view password, std::span<const unsigned char> salt,
             std::span<unsigned char> hash) {
  std::string password_copy(password);  // libargon2 wants bytes that it could clear, and does not
  std::vector<unsigned char> salt_copy(salt.begin(), salt.end());
  argon2_context context{};
  context.out = hash.data();
  context.outlen = static_cast<std::uint32_t>(hash.size());
  context.pwd = reinterpret_cast<std::uint8_t*>(password_copy.data());
  context.pwdlen = static_cast<std::uint32_t>(password_copy.size());
  context.salt = salt_copy.data();
  context.saltlen = static_cast<std::uint32_t>(salt_copy.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = cost.lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const bool computed = argon2_ctx(&context, Argon2_id) == ARGON2_OK;
  OPENSSL_cleanse(password_copy.data(), password_copy.size());
  return computed;
}

bool compute(const PasswordCost& cost, std::string_view password, std::span<const unsigned char> salt,
             std::span<unsigned char> hash) {
  return std::visit([&](auto known) { return compute(known, password, salt, hash); }, cost);
}

std::string beginning(Sha512Cost) { return std::string(kSha512Name); }
std::string beginning(Pbkdf2Cost cost) { return std::string(kPbkdf2Name) + std::to_string(cost.iterations) + "$"; }
std::string fields(Argon2Cost cost) {
  return "m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=" + std::to_string(cost.lanes);
}
std::string beginning(Argon2Cost cost) {
  return std::string(kArgon2idName) + std::string(kArgon2idVersion) + fields(cost) + "$";
}

std::uint64_t estimate(Sha512Cost) { return 1; }
std::uint64_t estimate(Pbkdf2Cost cost) { return cost.iterations * std::uint64_t{2} / 3; }
std::uint64_t estimate(Argon2Cost cost) { return std::uint64_t{cost.memory_kib} * cost.passes; }

}  // namespace

// Measured, in microseconds: $6$ 0.7; $7$ with 101 iterations 70, with 100 000 66 000; Argon2id of 19 456 KiB twice 26
// 000 to 37 000, of 256 MiB four times 1 000 000 (AMD EPYC VM, g++ 12 -O2).
std::uint64_t microseconds(const PasswordCost& cost) {
  return std::visit([](auto known) { return estimate(known); }, cost);
}

OrMessage<PasswordHash> PasswordHash::parse(std::string_view text) {
  if (text.starts_with(kSha512Name)) return parse_sha512_fields(Sha512Cost{}, text.substr(kSha512Name.size()));
  if (text.starts_with(kPbkdf2Name)) return parse_pbkdf2(text.substr(kPbkdf2Name.size()));
  if (text.starts_with(kArgon2idName)) return parse_argon2id(text.substr(kArgon2idName.size()));
  return wrong("has none of the known forms: $6$, $7$ and $argon2id$");
}

OrMessage<PasswordHash> PasswordHash::parse_sha512_fields(PasswordCost cost, std::string_view text) {
  auto salt = from_base64(take_until(text, '$'), Padding::with);
  if (!salt || salt->empty() || salt->size() > kSaltBytesMax) {
    return wrong("needs a salt in base64 with padding, of 1 to " + std::to_string(kSaltBytesMax) + " bytes");
  }
  auto hash = from_base64(text, Padding::with);
  if (!hash || hash->size() != kSha512Bytes) return wrong("needs 64 bytes in base64 with padding behind its salt");
  return PasswordHash(cost, std::move(*salt), std::move(*hash));
}

OrMessage<PasswordHash> PasswordHash::parse_pbkdf2(std::string_view text) {
  const auto iterations = number(take_until(text, '$'));
  if (!iterations) return wrong("needs a number of iterations behind its $7$");
  const Pbkdf2Cost cost{*iterations};
  if (auto refused = refuse(cost); !refused.empty()) return wrong(std::move(refused));
  return parse_sha512_fields(cost, text);
}

OrMessage<PasswordHash> PasswordHash::parse_argon2id(std::string_view text) {
  if (!text.starts_with(kArgon2idVersion)) return wrong("has an old or unknown version of Argon2id: v=19 is known");
  text.remove_prefix(kArgon2idVersion.size());
  const std::string_view costs_text = take_until(text, '$');
  std::string_view costs = costs_text;
  const auto memory_kib = named_number(costs, "m=");
  const auto passes = named_number(costs, "t=");
  const auto lanes = named_number(costs, "p=");
  const Argon2Cost cost{memory_kib.value_or(0), passes.value_or(0), lanes.value_or(0)};
  if (costs_text != fields(cost)) return wrong("needs m=KIB,t=PASSES,p=LANES behind its v=19");
  if (auto refused = refuse(cost); !refused.empty()) return wrong(std::move(refused));
  auto salt = from_base64(take_until(text, '$'), Padding::without);
  if (!salt || salt->size() < kArgon2SaltBytesMin || salt->size() > kSaltBytesMax) {
    return wrong("needs a salt in base64 without padding, of " + std::to_string(kArgon2SaltBytesMin) + " to " +
                 std::to_string(kSaltBytesMax) + " bytes");
  }
  auto hash = from_base64(text, Padding::without);
  if (!hash || hash->size() < kArgon2HashBytesMin || hash->size() > kArgon2HashBytesMax) {
    return wrong("needs " + std::to_string(kArgon2HashBytesMin) + " to " + std::to_string(kArgon2HashBytesMax) +
                 " bytes in base64 without padding behind its salt");
  }
  return PasswordHash(cost, std::move(*salt), std::move(*hash));
}

bool PasswordHash::looks_hashed(std::string_view text) {
  if (!text.starts_with('$')) return false;
  const auto end = text.find('$', 1);
  if (end == std::string_view::npos || end == 1) return false;
  const auto name = text.substr(1, end - 1);
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

PasswordHash PasswordHash::make(std::string_view password, std::span<const unsigned char> salt, PasswordCost cost,
                                std::size_t hash_bytes) {
  check(password.size() <= kPasswordBytesMax, "the caller has looked how long the password is");
  check(!salt.empty() && salt.size() <= kSaltBytesMax, "the caller has chosen the salt");
  Bytes hash(hash_bytes);
  check(compute(cost, password, salt, hash), "there is memory to hash a password");
  return {cost, Bytes(salt.begin(), salt.end()), std::move(hash)};
}

PasswordHash PasswordHash::sha512(std::string_view password, std::span<const unsigned char> salt) {
  return make(password, salt, Sha512Cost{}, kSha512Bytes);
}

PasswordHash PasswordHash::pbkdf2(std::string_view password, std::span<const unsigned char> salt, Pbkdf2Cost cost) {
  check(refuse(cost).empty(), "the caller has looked at the limits of PBKDF2");
  return make(password, salt, cost, kSha512Bytes);
}

PasswordHash PasswordHash::argon2id(std::string_view password, std::span<const unsigned char> salt, Argon2Cost cost) {
  check(refuse(cost).empty() && salt.size() >= kArgon2SaltBytesMin, "the caller has looked at the limits of Argon2id");
  return make(password, salt, cost, kArgon2HashBytes);
}

bool PasswordHash::matches(std::string_view password) const {
  if (password.size() > kPasswordBytesMax) return false;
  Bytes computed(hash_.size());
  return compute(cost_, password, salt_, computed) && CRYPTO_memcmp(computed.data(), hash_.data(), hash_.size()) == 0;
}

std::string PasswordHash::text() const {
  const Padding padding = std::holds_alternative<Argon2Cost>(cost_) ? Padding::without : Padding::with;
  return std::visit([](auto known) { return beginning(known); }, cost_) + to_base64(salt_, padding) + "$" +
         to_base64(hash_, padding);
}

PasswordHash PasswordHash::decoy() const { return {cost_, salt_, Bytes(hash_.size())}; }

}  // namespace bramble
