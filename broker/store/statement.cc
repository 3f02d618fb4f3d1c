#include "broker/store/statement.h"

#include <algorithm>
#include <cstring>
#include <sqlite3.h>

#include "broker/store/patient_disk.h"
#include "core/base/check.h"

namespace bramble {

namespace {

/// As a URI, since only so the file can be called unchanging.
std::string unchanging(const std::string& file) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : file) {
    if (std::strchr("?#%", c) == nullptr) {
      uri += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return uri + "?immutable=1";
}

Fault fault_of(int code) {
  if (code == SQLITE_IOERR_READ) return Fault::unread;
  switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return Fault::none;
    case SQLITE_ERROR:  // no such table: with words of our own it can mean nothing else
    case SQLITE_CORRUPT: return Fault::damaged;
    case SQLITE_NOTADB: return Fault::not_sqlite;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Fault::in_use;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM: return Fault::disk;
    case SQLITE_TOOBIG: return Fault::too_big;
    default: return Fault::other;
  }
}

int note_log_pages(void* into, sqlite3*, const char*, int pages) {
  *static_cast<int*>(into) = pages;
  return SQLITE_OK;
}

}  // namespace

SqlConnection::SqlConnection(const std::string& file, Access access) {
  const bool immutable = access == Access::inspect_file;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE);
  code_ = sqlite3_open_v2(immutable ? unchanging(file).c_str() : file.c_str(), &handle_, flags, patient_disk());
  if (!open()) return;
  if (access == Access::inspect) leave_log();
  log_pages_ = std::make_unique<int>(0);
  sqlite3_wal_hook(handle_, note_log_pages, log_pages_.get());  // in place of SQLite's own checkpoints, too
}

SqlConnection::~SqlConnection() { check(sqlite3_close(handle_) == SQLITE_OK, "a statement outlives its connection"); }

bool SqlConnection::run(const char* sql) { return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

bool SqlConnection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

bool SqlConnection::checkpoint(bool shorten) {
  int in_log = 0, moved = 0;
  const int mode = shorten ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  if (sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &in_log, &moved) != SQLITE_OK || in_log != moved) return false;
  *log_pages_ = 0;
  return true;
}

std::uint64_t SqlConnection::pages_logged() const {
  int pages = 0, highest = 0;
  if (handle_) sqlite3_db_status(handle_, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &highest, 0);
  return static_cast<std::uint64_t>(pages);
}

void SqlConnection::leave_log() {
  if (handle_) sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

std::uint64_t SqlConnection::changed() const { return static_cast<std::uint64_t>(sqlite3_changes64(handle_)); }

std::uint64_t SqlConnection::bytes_max() const {
  constexpr int kHead = 256;  // what SQLite puts before the columns, and our numbers
  return static_cast<std::uint64_t>(std::max(0, sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, -1) - kHead));
}

Fault SqlConnection::fault() const { return handle_ ? fault_of(sqlite3_extended_errcode(handle_)) : Fault::disk; }

Trouble SqlConnection::trouble() const {
  if (handle_ == nullptr) return {Fault::disk, "out of memory"};
  Trouble trouble{fault(), sqlite3_errmsg(handle_)};
  const int code = sqlite3_errcode(handle_) & 0xFF;
  const int system = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(handle_) : 0;
  if (system != 0) trouble.why += std::string(" (") + std::strerror(system) + ")";
  if (trouble.fault == Fault::none) trouble.fault = Fault::other;
  return trouble;
}

Statement::Statement(const SqlConnection& connection, std::string sql)
    : connection_(connection.handle()), sql_(std::move(sql)) {
  prepare();
}

void Statement::prepare() {
  sqlite3_prepare_v3(connection_, sql_.data(), static_cast<int>(sql_.size()), SQLITE_PREPARE_PERSISTENT, &handle_,
                     nullptr);
}

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement& Statement::bind(int parameter, std::int64_t value) {
  bound(parameter);
  sqlite3_bind_int64(handle_, parameter, value);
  return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
  bound(parameter);
  sqlite3_bind_text64(handle_, parameter, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  bound(parameter);
  sqlite3_bind_blob64(handle_, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  if (!bound_.test(static_cast<std::size_t>(parameter))) return *this;
  bound_.reset(static_cast<std::size_t>(parameter));
  sqlite3_bind_null(handle_, parameter);
  return *this;
}

Statement& Statement::bind_column(int parameter, const Statement& from, int column) {
  bound(parameter);
  sqlite3_bind_value(handle_, parameter, sqlite3_column_value(from.handle_, column));
  return *this;
}

Statement& Statement::bind_value(int parameter, const SqlValue& value) {
  bound(parameter);
  sqlite3_bind_value(handle_, parameter, value.get());
  return *this;
}

SqlValue Statement::value(int column) const {
  return {sqlite3_value_dup(sqlite3_column_value(handle_, column)), sqlite3_value_free};
}

Statement::Step Statement::step() {
  if (handle_ == nullptr) {
    prepare();            // again, so that the connection says why not
    return Step::failed;  // even if it can be by now: nothing is bound
  }
  switch (sqlite3_step(handle_)) {
    case SQLITE_ROW: return Step::row;
    case SQLITE_DONE: return Step::done;
    default: return Step::failed;
  }
}

bool Statement::run() {
  Step result = step();
  while (result == Step::row) result = step();
  reset();
  return result == Step::done;
}

void Statement::reset() { sqlite3_reset(handle_); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

bool Statement::null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

std::string_view Statement::bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  return {bytes, bytes ? static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)) : 0};
}

int Statement::columns() const { return sqlite3_column_count(handle_); }

std::int64_t integer_of(const SqlConnection& connection, std::string sql, std::int64_t otherwise) {
  Statement statement(connection, std::move(sql));
  return statement.step() == Statement::Step::row ? statement.integer(0) : otherwise;
}

std::string text_of(const SqlConnection& connection, std::string sql) {
  Statement statement(connection, std::move(sql));
  return statement.step() == Statement::Step::row ? std::string(statement.bytes(0)) : std::string();
}

}  // namespace bramble
