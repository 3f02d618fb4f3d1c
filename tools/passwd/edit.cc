#include "tools/passwd/edit.h"

#include "core/auth/password_file.h"

namespace bramble::passwd {

namespace {

/// A line as it was up to the end of its user, and with this hash.
std::string with_hash(const PasswordLine& line, const PasswordHash& hash) {
  const auto user_end = line.user.data() + line.user.size() - line.text.data();
  return std::string(line.text.substr(0, static_cast<std::size_t>(user_end))) + ":" + hash.text() +
         (line.text.ends_with("\r\n") ? "\r\n" : "\n");
}

}  // namespace

Edited with_user(std::string_view text, std::string_view user, const PasswordHash& hash) {
  Edited edited;
  for (const PasswordLine& line : split_password_file(text)) {
    if (line.user != user) {
      edited.text += line.text;
    } else if (edited.lines++ == 0) {
      edited.text += with_hash(line, hash);
    }
  }
  if (edited.lines > 0) return edited;
  if (!edited.text.empty() && !edited.text.ends_with('\n')) edited.text += '\n';
  edited.text += std::string(user) + ":" + hash.text() + "\n";
  return edited;
}

Edited without_user(std::string_view text, std::string_view user) {
  Edited edited;
  for (const PasswordLine& line : split_password_file(text)) {
    if (!line.user.empty() && line.user == user) {
      ++edited.lines;
    } else {
      edited.text += line.text;
    }
  }
  return edited;
}

OrMessage<Edited> with_hashes(std::string_view text, std::string_view file_name,
                              const std::function<OrMessage<PasswordHash>(std::string_view password)>& hash) {
  const auto wrong = [file_name](const PasswordLine& line, const std::string& what) {
    return tl::unexpected<std::string>(std::string(file_name) + ":" + std::to_string(line.number) + ": " + what);
  };
  Edited edited;
  for (const PasswordLine& line : split_password_file(text)) {
    if (!line.wrong.empty()) return wrong(line, line.wrong);
    if (line.user.empty()) {
      edited.text += line.text;
    } else if (PasswordHash::looks_hashed(line.password)) {
      const auto stored = PasswordHash::parse(line.password);
      if (!stored) return wrong(line, "a hash that " + stored.error() + "; set it anew: bramble-passwd FILE USER");
      edited.text += line.text;
    } else if (line.password.size() > PasswordHash::kPasswordBytesMax) {
      return wrong(line, "a password of more than 65535 bytes, which no client can send");
    } else {
      const auto made = hash(line.password);
      if (!made) return wrong(line, made.error());
      edited.text += with_hash(line, *made);
      ++edited.lines;
    }
  }
  return edited;
}

}  // namespace bramble::passwd
