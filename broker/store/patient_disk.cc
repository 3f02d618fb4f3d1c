#include "broker/store/patient_disk.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <new>
#include <sqlite3.h>
#include <thread>
#include <type_traits>
#include <utility>

#include "broker/store/gathered_writes.h"
#include "core/base/time.h"

namespace bramble {

namespace {

constexpr Milliseconds kPause{200}, kShortPause{10}, kPatience{10'000};
constexpr int kFewTries = 2;   // at once, and at the least
constexpr Seconds kQuiet{60};  // without a failed read, and there is patience again

/// The way to the disk that SQLite has, with ours in front of it.
struct Way {
  sqlite3_vfs ours{};
  sqlite3_vfs* own = nullptr;
  Milliseconds patience{};
};
Way way;

/// SQLite's functions for one kind of file (those with and without locks differ), with some of ours.
struct Kind {
  sqlite3_io_methods methods;  ///< first, for files point to it
  const sqlite3_io_methods* own;
  int size;  ///< of the file in SQLite's eyes; GatheredWrites are behind it
};

const sqlite3_io_methods& own(const sqlite3_file* file) { return *reinterpret_cast<const Kind*>(file->pMethods)->own; }

/// Of a file of SQLite's own, as a place for what is behind it.
int size_of_file(const sqlite3_vfs& own) {
  constexpr int kUnit = alignof(GatheredWrites);
  return (own.szOsFile + kUnit - 1) / kUnit * kUnit;
}

std::byte* behind(sqlite3_file* file, int size) { return reinterpret_cast<std::byte*>(file) + size; }

GatheredWrites& gathered(sqlite3_file* file) {
  const int size = reinterpret_cast<const Kind*>(file->pMethods)->size;
  return *std::launder(reinterpret_cast<GatheredWrites*>(behind(file, size)));
}

bool refused(int code) { return code == SQLITE_IOERR_READ || code == SQLITE_IOERR_CORRUPTFS; }

/// Of one thread.
struct Patience {
  Milliseconds left = kPatience;
  SteadyTime failed_at{};              ///< the last time
  const sqlite3_file* file = nullptr;  ///< where it has been waited for in vain the last time
  sqlite3_int64 offset = 0;

  /// Until it works, or for as long as there is patience.
  template <class Read>
  int try_again(const sqlite3_file* of, sqlite3_int64 at, Read once_more) {
    const SteadyTime began = std::chrono::steady_clock::now();
    if (began - std::exchange(failed_at, began) > kQuiet) *this = {.failed_at = began};
    if (file == of && offset == at) return SQLITE_IOERR_READ;
    int code = SQLITE_IOERR_READ;
    for (int tries = 0; refused(code); ++tries) {
      const bool few = tries < kFewTries;
      if (!few && std::chrono::steady_clock::now() - began >= std::min(left, way.patience)) break;
      std::this_thread::sleep_for(few ? kShortPause : kPause);
      code = once_more();
    }
    failed_at = std::chrono::steady_clock::now();
    if (!refused(code)) return code;
    left /= 2;
    file = of;
    offset = at;
    return SQLITE_IOERR_READ;
  }
};

/// Before a look at the file, where SQLite does not expect that the disk is full: it would undo the statement alone,
/// and commit a transaction that lacks pages.
int flush_to_look(sqlite3_file* file) {
  const int code = gathered(file).flush(file);
  return code == SQLITE_FULL ? SQLITE_IOERR_WRITE : code;
}

int read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  thread_local Patience patience;
  if (gathered(file).overlaps(offset, size)) {
    if (const int code = flush_to_look(file); code != SQLITE_OK) return code;
  }
  const int code = own(file).xRead(file, into, size, offset);
  if (!refused(code)) return code;
  return patience.try_again(file, offset, [&] { return own(file).xRead(file, into, size, offset); });
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  return gathered(file).write(file, {static_cast<const std::byte*>(from), static_cast<std::size_t>(size)}, offset);
}

int size(sqlite3_file* file, sqlite3_int64* into) {
  const int code = flush_to_look(file);
  return code != SQLITE_OK ? code : own(file).xFileSize(file, into);
}

int truncate(sqlite3_file* file, sqlite3_int64 to) {
  const int code = gathered(file).flush(file);
  return code != SQLITE_OK ? code : own(file).xTruncate(file, to);
}

int sync(sqlite3_file* file, int how) {
  const int code = gathered(file).flush(file);
  return code != SQLITE_OK ? code : own(file).xSync(file, how);
}

int close(sqlite3_file* file) {
  static_assert(std::is_trivially_destructible_v<GatheredWrites>, "SQLite frees it with the file");
  gathered(file).flush(file);
  return own(file).xClose(file);
}

Kind kind_of(const sqlite3_io_methods* own) {
  Kind kind{*own, own, size_of_file(*way.own)};
  kind.methods.iVersion = std::min(own->iVersion, 2);  // 3 would read from mapped memory, past what is gathered
  kind.methods.xClose = close;
  kind.methods.xRead = read;
  kind.methods.xWrite = write;
  kind.methods.xTruncate = truncate;
  kind.methods.xSync = sync;
  kind.methods.xFileSize = size;
  return kind;
}

/// Null: SQLite has more kinds than we know of.
const Kind* known_kind(const sqlite3_io_methods* own) {
  static std::array<Kind, 4> known{};
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (Kind& each : known) {
    if (each.own == nullptr) each = kind_of(own);
    if (each.own == own) return &each;
  }
  return nullptr;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = way.own->xOpen(way.own, name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  const Kind* const kind = known_kind(file->pMethods);
  if (kind == nullptr) return code;
  new (behind(file, kind->size)) GatheredWrites(*kind->own);
  file->pMethods = &kind->methods;
  return code;
}

/// A name as SQLite has it, or as it is given if SQLite cannot follow it from the root of the file system: who has
/// given up root may have no way there from /, though it stands in the folder that it wants, or below.
int full_name(sqlite3_vfs*, const char* name, int size, char* full) {
  const int code = way.own->xFullPathname(way.own, name, size, full);
  if ((code & 0xFF) != SQLITE_CANTOPEN || std::strlen(name) >= static_cast<std::size_t>(size)) return code;
  std::strcpy(full, name);
  return SQLITE_OK;
}

void put_before(sqlite3_vfs* own) {
  if (way.own != nullptr) sqlite3_vfs_unregister(&way.ours);
  const bool disk = own == sqlite3_vfs_find("unix");
  way = {.ours = *own, .own = own, .patience = disk ? kPatience : Milliseconds{0}};  // a test's fails for good
  way.ours.zName = "bramble";
  way.ours.szOsFile = size_of_file(*own) + static_cast<int>(sizeof(GatheredWrites));
  way.ours.xOpen = open;
  way.ours.xFullPathname = full_name;
  sqlite3_vfs_register(&way.ours, 0);
}

}  // namespace

const char* patient_disk() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  // Without its figures of memory, that nobody asks for: a lock around each allocation.
  if (way.own == nullptr) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_vfs* const own = sqlite3_vfs_find(nullptr);
  if (own != nullptr && (own != way.own || own->pAppData != way.ours.pAppData)) put_before(own);
  return way.ours.zName;
}

}  // namespace bramble
