#include "broker/auth/users.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "broker/config/config_file.h"
#include "core/base/check.h"

namespace bramble {

OrMessage<std::shared_ptr<Users>> Users::load(const Config& config, const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return tl::unexpected<std::string>(config.at("password_file", path) + path + text.error());
  auto file = PasswordFile::parse(*text, path);
  if (!file) return tl::unexpected<std::string>(std::move(file.error()));
  return std::shared_ptr<Users>(new Users(std::move(*file)));
}

Users::Users(PasswordFile file) : file_(std::move(file)) {
  bramble::check(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1, "the system has random bytes");
}

Users::Digest Users::digest(std::string_view user, std::string_view password) const {
  std::string both = std::to_string(user.size()) + ":";
  both.append(user).append(password);
  Digest result{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(both.data()),
       both.size(), result.data(), &size);
  OPENSSL_cleanse(both.data(), both.size());
  return result;
}

bool Users::remembers(std::string_view user, std::string_view password) const {
  const Digest given = digest(user, password);
  const std::lock_guard lock(mutex_);
  const auto known = right_.find(std::string(user));
  return known != right_.end() && CRYPTO_memcmp(known->second.data(), given.data(), given.size()) == 0;
}

bool Users::check(std::string_view user, std::string_view password) {
  if (!file_.check(user, password)) return false;
  const Digest given = digest(user, password);
  const std::lock_guard lock(mutex_);
  right_[std::string(user)] = given;
  return true;
}

}  // namespace bramble
