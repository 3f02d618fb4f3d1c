#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/config/config.h"
#include "core/auth/password_file.h"

namespace bramble {

/// The users of a password file, and the passwords that were found right since it was read: a client that comes back
/// with the same one need not wait for a slow hash again, so 1000 clients that lost their network are back at once.
/// What is remembered is a keyed hash of user and password, with a key of this process.
/// Threads: any. Memory: 100 bytes a user that has logged in.
class Users {
 public:
  /// Errors: FILE:LINE: password_file: FILE: why; or FILE:LINE of the password file.
  static OrMessage<std::shared_ptr<Users>> load(const Config& config, const std::string& path);

  /// Found right before. A microsecond.
  bool remembers(std::string_view user, std::string_view password) const;
  /// Slow: see PasswordFile::check. What is right is remembered.
  bool check(std::string_view user, std::string_view password);

  const PasswordFile& file() const { return file_; }

 private:
  using Digest = std::array<unsigned char, 32>;
  explicit Users(PasswordFile file);
  Digest digest(std::string_view user, std::string_view password) const;

  const PasswordFile file_;
  std::array<unsigned char, 32> key_{};
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Digest> right_;
};

}  // namespace bramble
