// Any bytes as a password file: an error with a place and a reason, or users whose hashes are written as they were
// read.

#include "core/auth/password_file.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"

namespace {

constexpr std::uint64_t kSlowUs = 500;  // a hash that takes longer is not computed: this is about reading

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using bramble::check;
  const std::string text(reinterpret_cast<const char*>(data), size);  // of its own, so that ASan sees its end
  const auto lines = bramble::split_password_file(text);
  std::string all;
  std::size_t users = 0;
  bool slow = false;
  for (const auto& line : lines) {
    all += line.text;
    if (line.wrong.empty()) check(line.user.empty() == line.password.empty(), "a user has a hash");
    if (!line.user.empty()) ++users;
    const auto hash = bramble::PasswordHash::parse(line.password);
    if (!hash) continue;
    check(bramble::PasswordHash::looks_hashed(line.password), "what is a hash looks like one");
    check(hash->text() == line.password, "a hash is written as it was read");
    slow |= bramble::microseconds(hash->cost()) > kSlowUs;
  }
  check(all == text, "lines put together are the text");

  const auto file = bramble::PasswordFile::parse(text, "fuzz");
  if (!file) {
    check(file.error().starts_with("fuzz:"), "an error says where");
    return 0;
  }
  check(file->size() == users, "each user is there once");
  for (const auto& line : lines) check(line.user.empty() || file->knows(line.user), "each user is known");
  if (!slow) static_cast<void>(file->check(users == 0 ? "nobody" : std::string_view(text).substr(0, 1), "password"));
  return 0;
}
