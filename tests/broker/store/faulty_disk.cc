#include "tests/broker/store/faulty_disk.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <new>
#include <sqlite3.h>
#include <sys/stat.h>
#include <thread>

namespace bramble::testing {

namespace {

constexpr std::uint64_t kBlock = 512;

/// SQLite allocates it, with the real file behind.
struct WatchedFile {
  sqlite3_file base;
  FaultyDisk* disk;
  std::string* name;
  std::uint64_t inode;
};

/// 0: there is no such file.
std::uint64_t inode_of(const char* path) {
  struct stat status {};
  return path != nullptr && ::stat(path, &status) == 0 ? status.st_ino : 0;
}

WatchedFile& watched(sqlite3_file* file) { return *reinterpret_cast<WatchedFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(&watched(file) + 1); }
sqlite3_vfs* unix_vfs() { return sqlite3_vfs_find("unix"); }
std::uint64_t u(sqlite3_int64 value) { return static_cast<std::uint64_t>(value); }

int close(sqlite3_file* file) {
  delete watched(file).name;
  return real(file)->pMethods->xClose(real(file));
}

int read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  const int code = watched(file).disk->read(watched(file).inode, u(offset));
  return code != SQLITE_OK ? code : real(file)->pMethods->xRead(real(file), into, size, offset);
}

int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  const std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(size));
  const int code = watched(file).disk->written(*watched(file).name, u(offset), bytes);
  return code != SQLITE_OK ? code : real(file)->pMethods->xWrite(real(file), from, size, offset);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  watched(file).disk->truncated(*watched(file).name, u(size));
  return real(file)->pMethods->xTruncate(real(file), size);
}

int sync(sqlite3_file* file, int) { return watched(file).disk->synced(*watched(file).name); }

int size(sqlite3_file* file, sqlite3_int64* into) { return real(file)->pMethods->xFileSize(real(file), into); }
int lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int reserved(sqlite3_file* file, int* into) { return real(file)->pMethods->xCheckReservedLock(real(file), into); }
int control(sqlite3_file* file, int op, void* with) { return real(file)->pMethods->xFileControl(real(file), op, with); }
int sector(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int traits(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }

/// Version 1: without shared memory, which a database that is one process's own does without.
constexpr sqlite3_io_methods kMethods = {1,       close,   read,     write,   truncate, sync,   size,
                                         lock,    unlock,  reserved, control, sector,   traits, nullptr,
                                         nullptr, nullptr, nullptr,  nullptr, nullptr};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int code = unix_vfs()->xOpen(unix_vfs(), name, real(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  watched(file).disk = static_cast<FaultyDisk*>(vfs->pAppData);
  watched(file).name = new std::string(name != nullptr ? std::filesystem::path(name).filename().string() : "");
  watched(file).inode = inode_of(name);
  file->pMethods = &kMethods;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* name, int) {
  static_cast<FaultyDisk*>(vfs->pAppData)->removed(std::filesystem::path(name).filename());
  return unix_vfs()->xDelete(unix_vfs(), name, 0);  // the folder is not synced either
}

void put(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

void apply(std::string& content, const FaultyDisk::Operation& operation) {
  if (operation.kind == FaultyDisk::Operation::Kind::write) put(content, operation.offset, operation.bytes);
  if (operation.kind == FaultyDisk::Operation::Kind::truncate) content.resize(operation.offset);
}

/// Of each block, whether it came to be is a matter of chance.
void apply_in_part(std::string& content, const FaultyDisk::Operation& operation, Random& random) {
  if (operation.kind != FaultyDisk::Operation::Kind::write) {
    if (random.one_in(2)) apply(content, operation);
    return;
  }
  const std::string_view bytes = operation.bytes;
  for (std::uint64_t at = 0; at < bytes.size();) {
    const std::uint64_t part = std::min(kBlock - (operation.offset + at) % kBlock, bytes.size() - at);
    if (random.one_in(2)) put(content, operation.offset + at, bytes.substr(at, part));
    at += part;
  }
}

}  // namespace

FaultyDisk::FaultyDisk() : vfs_(std::make_unique<sqlite3_vfs>(*unix_vfs())) {
  vfs_->szOsFile += static_cast<int>(sizeof(WatchedFile));
  vfs_->zName = "faulty";
  vfs_->pAppData = this;
  vfs_->xOpen = open;
  vfs_->xDelete = remove;
  sqlite3_vfs_register(vfs_.get(), 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(vfs_.get());
  sqlite3_vfs_register(unix_vfs(), 1);
}

void FaultyDisk::fail(Wrong how, std::uint64_t after) {
  wrong_ = how;
  left_ = after;
}

void FaultyDisk::fail_reads(const std::filesystem::path& file, std::uint64_t from) {
  unread_ = inode_of(file.c_str());
  unread_from_ = from;
}

void FaultyDisk::mend() {
  wrong_ = Wrong::none;
  if (unread_ != 0) unread_ = 0;
}

int FaultyDisk::read(std::uint64_t inode, std::uint64_t offset) {
  ++reads_;
  return unread_ != 0 && inode == unread_ && offset >= unread_from_ ? SQLITE_IOERR_READ : SQLITE_OK;
}

int FaultyDisk::written(const std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (wrong_ == Wrong::no_space || wrong_ == Wrong::io_error) {
    if (bytes.size() > left_) return wrong_ == Wrong::no_space ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    left_ -= bytes.size();
  }
  bytes_written_ += bytes.size();
  if (recording_) operations_.push_back({Operation::Kind::write, file, offset, std::string(bytes)});
  return SQLITE_OK;
}

int FaultyDisk::synced(const std::string& file) {
  while (wrong_ == Wrong::sync_hangs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (wrong_ == Wrong::sync_error && left_-- == 0) {
    left_ = 0;
    return SQLITE_IOERR_FSYNC;
  }
  ++syncs_;
  if (recording_) operations_.push_back({Operation::Kind::sync, file});
  return SQLITE_OK;
}

void FaultyDisk::truncated(const std::string& file, std::uint64_t size) {
  if (recording_) operations_.push_back({Operation::Kind::truncate, file, size});
}

void FaultyDisk::removed(const std::string& file) {
  if (recording_) operations_.push_back({Operation::Kind::remove, file});
}

void PowerCut::pass(const FaultyDisk::Operation& operation) {
  if (operation.kind == FaultyDisk::Operation::Kind::remove) {
    files_.erase(operation.file);
    return;
  }
  File& file = files_[operation.file];
  if (operation.kind != FaultyDisk::Operation::Kind::sync) {
    file.pending.push_back(operation);
    return;
  }
  for (const auto& pending : file.pending) apply(file.durable, pending);
  file.pending.clear();
}

std::map<std::string, std::string> PowerCut::image(Random& random) const {
  std::map<std::string, std::string> contents;
  const std::uint64_t mood = random.below(4);  // in some, everything came to be, or nothing
  for (const auto& [name, file] : files_) {
    std::string content = file.durable;
    for (const auto& pending : file.pending) {
      if (mood == 0) apply(content, pending);
      if (mood > 1) apply_in_part(content, pending, random);
    }
    contents.emplace(name, std::move(content));
  }
  return contents;
}

}  // namespace bramble::testing
