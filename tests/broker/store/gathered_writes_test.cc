#include "broker/store/gathered_writes.h"

#include <cstddef>
#include <doctest/doctest.h>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "broker/store/patient_disk.h"
#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

struct Written {
  sqlite3_int64 offset;
  std::string bytes;
  bool operator==(const Written&) const = default;
};

/// A file that notes what is written, and fails as told.
struct NotingFile : sqlite3_file {
  NotingFile() : sqlite3_file{&kMethods} {}

  static int note(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    auto& self = static_cast<NotingFile&>(*file);
    if (self.fault == SQLITE_OK) self.written.push_back({offset, {static_cast<const char*>(from), std::size_t(size)}});
    return self.fault;
  }

  static const sqlite3_io_methods kMethods;
  std::vector<Written> written;
  int fault = SQLITE_OK;
};

const sqlite3_io_methods NotingFile::kMethods = [] {
  sqlite3_io_methods methods{};
  methods.xWrite = note;
  return methods;
}();

struct Gathering {
  int write(const std::string& piece, sqlite3_int64 offset) {
    return writes->write(&file, std::as_bytes(std::span(piece)), offset);
  }
  int flush() { return writes->flush(&file); }

  NotingFile file;
  std::unique_ptr<GatheredWrites> writes = std::make_unique<GatheredWrites>(NotingFile::kMethods);
};

using AllWritten = std::vector<Written>;

/// A file of SQLite's, by our way to the disk.
class LogFile {
 public:
  explicit LogFile(std::string name) : name_(std::move(name)), vfs_(sqlite3_vfs_find(patient_disk())) {
    memory_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(vfs_->szOsFile));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    REQUIRE(vfs_->xOpen(vfs_, name_.c_str(), file(), flags, nullptr) == SQLITE_OK);
  }
  ~LogFile() { close(); }
  LogFile(LogFile&&) = delete;

  void write(const std::string& piece, sqlite3_int64 offset) {
    REQUIRE(file()->pMethods->xWrite(file(), piece.data(), static_cast<int>(piece.size()), offset) == SQLITE_OK);
  }
  std::string read(int size, sqlite3_int64 offset) {
    std::string bytes(static_cast<std::size_t>(size), '-');
    CHECK(file()->pMethods->xRead(file(), bytes.data(), size, offset) == SQLITE_OK);
    return bytes;
  }
  sqlite3_int64 size() {
    sqlite3_int64 size = -1;
    CHECK(file()->pMethods->xFileSize(file(), &size) == SQLITE_OK);
    return size;
  }
  void truncate(sqlite3_int64 size) { CHECK(file()->pMethods->xTruncate(file(), size) == SQLITE_OK); }
  void sync() { CHECK(file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL) == SQLITE_OK); }
  int try_to(const std::string& what) {
    sqlite3_int64 size = 0;
    if (what == "read") return file()->pMethods->xRead(file(), &size, 1, 0);
    if (what == "measure") return file()->pMethods->xFileSize(file(), &size);
    if (what == "cut") return file()->pMethods->xTruncate(file(), 0);
    return file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL);
  }
  void close() {
    if (file()->pMethods) file()->pMethods->xClose(file());
    file()->pMethods = nullptr;
  }
  std::string on_disk() const { return contents(name_); }

 private:
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }

  std::string name_;
  sqlite3_vfs* vfs_;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace

TEST_CASE("pieces that follow each other are written as one") {
  Gathering of;
  CHECK(of.write("head", 100) == SQLITE_OK);
  CHECK(of.write("page", 104) == SQLITE_OK);
  CHECK(of.file.written.empty());
  CHECK(of.flush() == SQLITE_OK);
  CHECK(of.file.written == AllWritten{{100, "headpage"}});
  CHECK(of.flush() == SQLITE_OK);
  CHECK(of.file.written.size() == 1);
}

TEST_CASE("a piece elsewhere comes after what was gathered, so that the last one written to a place is there") {
  Gathering of;
  for (const sqlite3_int64 offset : {100, 103, 100, 90}) of.write("new", offset);
  of.flush();
  CHECK(of.file.written == AllWritten{{100, "newnew"}, {100, "new"}, {90, "new"}});
}

TEST_CASE("no more than 64 KiB are gathered, and a larger piece is written as it is") {
  Gathering of;
  const std::string page(4096, 'p'), large(100'000, 'l');
  for (int at = 0; at < 17; ++at) of.write(page, at * 4096);
  CHECK(of.file.written == AllWritten{{0, std::string(65'536, 'p')}});
  of.write(large, 17 * 4096);
  CHECK(of.file.written.size() == 3);
  CHECK(of.file.written[1] == Written{65'536, page});
  CHECK(of.file.written[2] == Written{17 * 4096, large});
  of.write("next", 17 * 4096 + 100'000);
  of.flush();
  CHECK(of.file.written[3] == Written{17 * 4096 + 100'000, "next"});
}

TEST_CASE("what could not be written is told once and dropped, and never comes after what was written instead") {
  Gathering of;
  of.write("old", 100);
  of.file.fault = SQLITE_FULL;
  CHECK(of.flush() == SQLITE_FULL);
  of.write("old", 100);
  CHECK(of.write("elsewhere", 500) == SQLITE_FULL);
  of.file.fault = SQLITE_OK;
  of.write("new", 100);
  CHECK(of.flush() == SQLITE_OK);
  CHECK(of.file.written == AllWritten{{100, "new"}});
}

TEST_CASE("what is gathered is known by each place that overlaps it") {
  Gathering of;
  CHECK_FALSE(of.writes->overlaps(0, 1000));
  of.write("0123456789", 100);
  for (const auto& [offset, size, held] :
       {std::tuple{90, 10, false}, {90, 11, true}, {104, 2, true}, {109, 5, true}, {110, 5, false}, {0, 1000, true}}) {
    CAPTURE(offset);
    CHECK(of.writes->overlaps(offset, size) == held);
  }
  of.flush();
  CHECK_FALSE(of.writes->overlaps(104, 2));
}

TEST_CASE("a file that SQLite writes is read, measured, cut and synced as if nothing had been gathered") {
  const Folder folder;
  write(folder / "db", "");  // SQLite asks it for its mode
  LogFile log((folder / "db-wal").string());
  log.write("headpage", 0);
  CHECK(log.on_disk().empty());
  SUBCASE("synced") {
    log.sync();
    CHECK(log.on_disk() == "headpage");
  }
  SUBCASE("read") { CHECK(log.read(4, 4) == "page"); }
  SUBCASE("measured") { CHECK(log.size() == 8); }
  SUBCASE("cut") {
    log.truncate(4);
    CHECK(log.on_disk() == "head");
    log.write("tail", 4);
    CHECK(log.read(8, 0) == "headtail");
  }
  SUBCASE("closed") {
    log.close();
    CHECK(log.on_disk() == "headpage");
  }
}

TEST_CASE(
    "a full disk that is found by a look at the file is an I/O error, for which SQLite gives the transaction up") {
  using Wrong = FaultyDisk::Wrong;
  for (const auto& [what, wrong, code] : {std::tuple{"read", Wrong::no_space, SQLITE_IOERR_WRITE},
                                          {"measure", Wrong::no_space, SQLITE_IOERR_WRITE},
                                          {"cut", Wrong::no_space, SQLITE_FULL},
                                          {"sync", Wrong::no_space, SQLITE_FULL},
                                          {"read", Wrong::io_error, SQLITE_IOERR_WRITE},
                                          {"sync", Wrong::io_error, SQLITE_IOERR_WRITE}}) {
    CAPTURE(std::string(what));
    const Folder folder;
    FaultyDisk disk;
    write(folder / "db", "");
    LogFile log((folder / "db-wal").string());
    log.write("page", 0);
    disk.fail(wrong, 0);
    CHECK(log.try_to(what) == code);
    disk.mend();
    log.sync();
    CHECK(log.on_disk().empty());
  }
}

}  // namespace bramble::testing
