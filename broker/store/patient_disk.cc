#include "broker/store/patient_disk.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <sqlite3.h>
#include <thread>
#include <utility>

#include "broker/store/gathered_writes.h"
#include "core/base/time.h"

namespace bramble {

namespace {

constexpr Milliseconds kPause{200}, kShortPause{10}, kPatience{10'000};
constexpr int kFewTries = 2;   // at once, and at the least
constexpr Seconds kQuiet{60};  // without a failed read, and there is patience again

sqlite3_vfs* own() {
  static sqlite3_vfs* const unix_vfs = sqlite3_vfs_find("unix");
  return unix_vfs;
}

/// SQLite's functions for one kind of file (those with and without locks differ), with some of ours.
struct Kind {
  sqlite3_io_methods methods;  ///< first, for files point to it
  const sqlite3_io_methods* own;
};

const sqlite3_io_methods& own(const sqlite3_file* file) { return *reinterpret_cast<const Kind*>(file->pMethods)->own; }

/// Ours, behind SQLite's own part of the file.
GatheredWrites*& gathered(sqlite3_file* file) {
  return *reinterpret_cast<GatheredWrites**>(reinterpret_cast<std::byte*>(file) + own()->szOsFile);
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
      if (!few && std::chrono::steady_clock::now() - began >= left) break;
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

int read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  thread_local Patience patience;
  if (gathered(file)->holds(offset, size)) {
    if (const int code = gathered(file)->flush(file); code != SQLITE_OK) return code;
  }
  const int code = own(file).xRead(file, into, size, offset);
  if (!refused(code)) return code;
  return patience.try_again(file, offset, [&] { return own(file).xRead(file, into, size, offset); });
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  return gathered(file)->write(file, {static_cast<const std::byte*>(from), static_cast<std::size_t>(size)}, offset);
}

/// A function that has to see the file as it is.
template <auto function, class... Arguments>
int after_writes(sqlite3_file* file, Arguments... arguments) {
  if (const int code = gathered(file)->flush(file); code != SQLITE_OK) return code;
  return (own(file).*function)(file, arguments...);
}

int close(sqlite3_file* file) {
  const std::unique_ptr<GatheredWrites> last(gathered(file));
  last->flush(file);
  return own(file).xClose(file);
}

Kind kind_of(const sqlite3_io_methods* own) {
  Kind kind{*own, own};
  kind.methods.xClose = close;
  kind.methods.xRead = read;
  kind.methods.xWrite = write;
  kind.methods.xTruncate = after_writes<&sqlite3_io_methods::xTruncate, sqlite3_int64>;
  kind.methods.xSync = after_writes<&sqlite3_io_methods::xSync, int>;
  kind.methods.xFileSize = after_writes<&sqlite3_io_methods::xFileSize, sqlite3_int64*>;
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
  const int code = own()->xOpen(own(), name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  const Kind* const kind = known_kind(file->pMethods);
  if (kind == nullptr) return code;
  gathered(file) = new GatheredWrites(*kind->own);
  file->pMethods = &kind->methods;
  return code;
}

/// A name as SQLite has it, or as it is given if SQLite cannot follow it from the root of the file system: who has
/// given up root may have no way there from /, though it stands in the folder that it wants, or below.
int full_name(sqlite3_vfs*, const char* name, int size, char* full) {
  const int code = own()->xFullPathname(own(), name, size, full);
  if ((code & 0xFF) != SQLITE_CANTOPEN || std::strlen(name) >= static_cast<std::size_t>(size)) return code;
  std::strcpy(full, name);
  return SQLITE_OK;
}

}  // namespace

const char* patient_disk() {
  static const bool known = [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);  // a lock around each allocation, for figures that nobody asks for
    static sqlite3_vfs way = *own();
    way.zName = "bramble";
    way.szOsFile += static_cast<int>(sizeof(GatheredWrites*));
    way.xOpen = open;
    way.xFullPathname = full_name;
    return sqlite3_vfs_register(&way, 0) == SQLITE_OK;
  }();
  return known && sqlite3_vfs_find(nullptr) == own() ? "bramble" : nullptr;
}

}  // namespace bramble
