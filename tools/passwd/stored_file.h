#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "core/base/result.h"

namespace bramble::passwd {

/// A file that is replaced as a whole or not at all. Whoever has one open keeps other bramble-passwd out of it, so that
/// of two changes at once both are there. Threads: a value of one thread.
class StoredFile {
 public:
  enum class Missing { is_wrong, is_new };

  /// Finds the file that a link leads to, waits for who has it open, and reads it.  Errors: "FILE: why; what to do".
  /// More than 64 MiB is wrong.
  static OrMessage<StoredFile> open(const std::string& path, Missing missing);

  StoredFile(StoredFile&& other) noexcept;
  StoredFile& operator=(StoredFile&&) = delete;
  ~StoredFile();

  const std::string& text() const { return text_; }  ///< empty for a new one

  /// Writes a file beside it, to the disk, and renames it over this one. Mode and owner stay as they are; a new file is
  /// for its owner alone. Returns what is wrong, empty if nothing; then nothing has changed.
  std::string replace(std::string_view text) const;

 private:
  StoredFile(std::string name, std::string path) : name_(std::move(name)), path_(std::move(path)) {}

  std::string open_locked();
  std::string read();
  std::string fill(int to, std::string_view text) const;

  std::string name_;  ///< as it was given
  std::string path_;  ///< without links
  std::string text_;
  int descriptor_ = -1;  ///< -1: there is none yet
  struct stat stat_ {};
};

}  // namespace bramble::passwd
