#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/random.h"

struct sqlite3_vfs;

namespace bramble::testing {

/// SQLite's way to the disk while this lives: it can fail, and remembers what was written and what was synced, so that
/// a test can see what a power cut would have left. Nothing is really synced, so tests are quick.
/// Threads: one; mend(), if no reads fail: any.  Lifetime: longer than every connection opened while it is there.
class FaultyDisk {
 public:
  enum class Wrong { none, no_space, io_error, sync_error, sync_hangs };

  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;

  /// From so many more bytes written on (syncs that fail: so many more of them), until mend().
  void fail(Wrong how, std::uint64_t after);
  /// Nothing of the file that has this name now can be read from there on.
  void fail_reads(const std::filesystem::path& file, std::uint64_t from);
  void mend();

  std::uint64_t bytes_written() const { return bytes_written_; }
  std::uint64_t syncs() const { return syncs_; }
  std::uint64_t reads() const { return reads_; }
  /// A commit may not have changed anything on the disk before its sync.
  void record() { recording_ = true; }

  struct Operation {
    enum class Kind { write, truncate, sync, remove } kind;
    std::string file;
    std::uint64_t offset = 0;  ///< truncate: the new size
    std::string bytes{};
  };
  const std::vector<Operation>& operations() const { return operations_; }

  // For the functions that SQLite calls.
  int written(const std::string& file, std::uint64_t offset, std::string_view bytes);
  int synced(const std::string& file);
  void truncated(const std::string& file, std::uint64_t size);
  void removed(const std::string& file);
  int read(std::uint64_t inode, std::uint64_t offset);

 private:
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::atomic<Wrong> wrong_ = Wrong::none;
  std::uint64_t left_ = 0;
  std::uint64_t unread_ = 0;  ///< inode; 0: none
  std::uint64_t unread_from_ = 0;
  std::uint64_t bytes_written_ = 0, syncs_ = 0, reads_ = 0;
  bool recording_ = false;
  std::vector<Operation> operations_;
};

/// What is on a disk whose power may go: what was synced is there, of the rest any part.
class PowerCut {
 public:
  void pass(const FaultyDisk::Operation& operation);
  /// One of the many states in which the disk may be now: of what was written and not synced, each 512 bytes are there
  /// or not. Each file by its name.
  std::map<std::string, std::string> image(Random& random) const;

 private:
  struct File {
    std::string durable;
    std::vector<FaultyDisk::Operation> pending;
  };
  std::map<std::string, File> files_;
};

}  // namespace bramble::testing
