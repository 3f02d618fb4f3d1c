#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "core/base/result.h"

namespace bramble {

/// The file as the file system has it, and its lock. It is locked apart from SQLite's own lock (which goes with
/// SQLite's connection): so another Bramble is kept out even while the connection is made anew or one file put for
/// another. Threads: one at a time.  Lifetime: longer than any connection to it, for to close it here would take
/// SQLite's lock.
class DatabaseFile {
 public:
  /// Makes it, empty, if there is none; only its owner may read it.
  /// Errors: a line that says what to do: it cannot be opened, or somebody has it open.
  static OrMessage<DatabaseFile> take(const std::filesystem::path& path);
  DatabaseFile(DatabaseFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        created_(other.created_),
        log_aside_(std::move(other.log_aside_)) {}
  DatabaseFile& operator=(DatabaseFile&&) = delete;
  ~DatabaseFile();

  const std::string& path() const { return path_; }
  std::string log_path() const { return path_ + "-wal"; }
  bool created() const { return created_; }  ///< it was not there, or empty
  /// What was done then with a log that lay beside it; empty: there was none.
  const std::string& log_aside() const { return log_aside_; }
  /// The name still means the file that was taken.
  bool in_place() const;
  std::uint64_t bytes() const;  ///< with its log

  /// An empty file beside it, to be filled and then given to replace().
  OrMessage<std::string> make_fresh() const;
  int remove_fresh() const;  ///< what the system says; 0: there is none any more
  /// The fresh file takes the name; what had it is kept, with its log, under the name that is given back. No connection
  /// to either may be open. The name always means one of the two, if the file system can link.
  /// Errors: a line; all is as it was.
  OrMessage<std::string> replace();

  /// What can be read of its log up to the first place that the disk does not give takes the log's name, and the log is
  /// put aside. No connection may be open. Gives a line that says so; empty: all of the log can be read, or there is
  /// none. Errors: a line; all is as it was.
  OrMessage<std::string> cut_log() const;

  /// How many different pages the first `frames` of the log are of: so many a checkpoint writes.
  std::uint64_t pages_in_log(int frames) const;

 private:
  DatabaseFile(std::string path, int descriptor, bool created)
      : path_(std::move(path)), descriptor_(descriptor), created_(created) {}
  std::string fresh_path() const { return path_ + ".new"; }
  std::string fresh_log_path() const { return log_path() + ".new"; }
  std::string failed(const char* what) const;
  void put_back(const std::string& aside) const;

  std::string path_;
  int descriptor_;
  bool created_;
  std::string log_aside_;
};

/// A log without its file, or with an empty one: SQLite would remove it, or take it for that of a file to come. Kept
/// under the name that the line says; empty: there is none.
OrMessage<std::string> set_log_aside(const std::filesystem::path& file);

/// The name of a file in the folder is on the disk when this returns; where that cannot be asked for, it may not be.
void sync_folder(const std::filesystem::path& file);
/// What to say of a file that somebody else has open.
std::string in_use(const std::string& path);

}  // namespace bramble
