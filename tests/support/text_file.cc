#include "tests/support/text_file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "core/auth/password_hash.h"

namespace bramble::testing {

TextFile::TextFile(std::string_view text)
    : path_((std::filesystem::temp_directory_path() / "bramble-file-XXXXXX").string()) {
  ::close(::mkstemp(path_.data()));
  std::ofstream(path_) << text;
}

TextFile::~TextFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void TextFile::replace(std::string_view text) const {
  std::ofstream(path_ + ".new") << text;
  std::filesystem::rename(path_ + ".new", path_);
}

std::string password_line(const std::string& user, std::string_view password) {
  constexpr std::array<unsigned char, 8> kSalt{1, 2, 3, 4, 5, 6, 7, 8};
  return user + ":" + PasswordHash::pbkdf2(password, kSalt, {101}).text() + "\n";
}

}  // namespace bramble::testing
