#include "broker/store/patient_disk.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <sqlite3.h>
#include <thread>
#include <utility>

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

/// SQLite's functions for one kind of file (those with and without locks differ), with a read of ours.
struct Patient {
  sqlite3_io_methods methods;  ///< first, for files point to it
  const sqlite3_io_methods* own;
};

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
  const auto own_read = reinterpret_cast<const Patient*>(file->pMethods)->own->xRead;
  const int code = own_read(file, into, size, offset);
  if (!refused(code)) return code;
  return patience.try_again(file, offset, [&] { return own_read(file, into, size, offset); });
}

/// Null: SQLite has more kinds than we know of.
const Patient* patient(const sqlite3_io_methods* of) {
  static std::array<Patient, 4> known{};
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (Patient& each : known) {
    if (each.own == nullptr) {
      each = {*of, of};
      each.methods.xRead = read;
    }
    if (each.own == of) return &each;
  }
  return nullptr;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = own()->xOpen(own(), name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  if (const Patient* const with = patient(file->pMethods)) file->pMethods = &with->methods;
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
    way.xOpen = open;
    way.xFullPathname = full_name;
    return sqlite3_vfs_register(&way, 0) == SQLITE_OK;
  }();
  return known && sqlite3_vfs_find(nullptr) == own() ? "bramble" : nullptr;
}

}  // namespace bramble
