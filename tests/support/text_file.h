#pragma once

#include <string>
#include <string_view>

namespace bramble::testing {

/// A file of its own in the temporary folder, gone with the object.  Threads: the test's own.
class TextFile {
 public:
  explicit TextFile(std::string_view text);
  ~TextFile();
  TextFile(const TextFile&) = delete;

  /// As editors do: a new file under the old name.
  void replace(std::string_view text) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A line of a password file, with a hash that is quick to check.
std::string password_line(const std::string& user, std::string_view password);

}  // namespace bramble::testing
