#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/auth/password_hash.h"
#include "core/base/result.h"

namespace bramble {

/// One line of a password file, as views into the file's text.
struct PasswordLine {
  std::string_view text;  ///< the whole line, with its LF or CR LF
  std::string_view
      user;  ///< without blanks around it; empty for a comment and a blank line, and for some that are wrong
  std::string_view password;  ///< what is behind the first ':', without blanks around it: should be a hash
  std::size_t number = 0;     ///< from 1
  std::string wrong;          ///< why it is none; empty for USER:HASH, a comment and a blank line
};

/// The lines of a password file. `#` as the first character of a line begins a comment, as in Mosquitto; a byte order
/// mark before the first line is part of its `text` alone.
std::vector<PasswordLine> split_password_file(std::string_view text);

/// Who may log in, and with which password: what mosquitto_passwd and bramble-passwd write.
/// Threads: a value, immutable; any number may ask the same one.  Cost: O(1) but for the hashing.
class PasswordFile {
 public:
  /// So many passwords are hashed for a login that fails, at most (see check).
  static constexpr std::size_t kDecoysMax = 4;

  /// Errors: FILE:LINE, what is wrong there and what to do, for the first such line: no ':', no user or no hash, a
  /// password in plain text, a hash that PasswordHash refuses, a user for the second time. Mosquitto skips such lines,
  /// or takes either of two passwords, by the number of users; so what it does not let in comes in nowhere here.
  static OrMessage<PasswordFile> parse(std::string_view text, std::string_view file_name);

  /// Whether this user has this password. Slow: see PasswordHash::matches.
  /// A login that fails takes as long whether the user exists or not, and however his password is hashed: one hash of
  /// each cost in the file, of the kDecoysMax highest costs. One that succeeds takes no longer than it must.
  bool check(std::string_view user, std::string_view password) const;

  bool knows(std::string_view user) const { return users_.find(user) != users_.end(); }
  /// Both have the user, with the same hash.
  bool same_password(std::string_view user, const PasswordFile& other) const;
  std::size_t size() const { return users_.size(); }

  /// For the log: whole lines that begin with the file's name. Passwords that are fast to guess for who gets the file,
  /// and more different costs than there are decoys.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view user) const { return std::hash<std::string_view>()(user); }
  };

  void prepare(std::string_view file_name);

  std::unordered_map<std::string, PasswordHash, Hash, std::equal_to<>> users_;
  std::vector<PasswordHash> decoys_;  ///< one of each cost, the highest first
  std::vector<std::string> warnings_;
};

}  // namespace bramble
