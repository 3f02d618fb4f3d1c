#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_value;

namespace bramble {

/// What a call to SQLite came to, as far as we act on it.
enum class Fault : std::uint8_t {
  none,
  damaged,     ///< what it read makes no sense, or a table is not there
  not_sqlite,  ///< the file is no database
  unread,      ///< the disk does not give it, for longer than patient_disk() waits: that may pass, or be a bad place
  in_use,      ///< by somebody else
  disk,        ///< no space, read-only, I/O error: it may go away
  too_big,     ///< a value is longer than this SQLite takes
  refused,     ///< by us: it is not ours to touch
  other,
};

/// Why something could not be done; none of it if it could.
struct Trouble {
  Fault fault = Fault::none;
  std::string why;  ///< in SQLite's words, with the system's reason if there is one
  explicit operator bool() const { return fault != Fault::none; }
};

/// One open SQLite file. What fails says so by its return value; trouble() then tells of the last call.
/// Threads: one at a time.  Lifetime: its Statements must be gone before it goes.
class SqlConnection {
 public:
  enum class Access : std::uint8_t {
    write,        ///< the file must be there
    inspect,      ///< as `write` to the locks, but nothing is written, not even at the end
    inspect_file  ///< looks at the file alone, without its log and without locks
  };
  SqlConnection() = default;
  SqlConnection(const std::string& file, Access access);
  SqlConnection(SqlConnection&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), code_(other.code_), log_pages_(std::move(other.log_pages_)) {}
  SqlConnection& operator=(SqlConnection&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(code_, other.code_);
    std::swap(log_pages_, other.log_pages_);
    return *this;
  }
  ~SqlConnection();

  bool open() const { return handle_ != nullptr && code_ == 0; }
  /// One or more statements, without their rows.
  bool run(const char* sql);
  bool in_transaction() const;

  /// The log's length after the last commit.
  int log_pages() const { return log_pages_ ? *log_pages_ : 0; }
  /// Moves all that is in the log into the file, whose space is then used again. `shorten`: or given back.
  bool checkpoint(bool shorten);
  /// Its end moves nothing from the log into the file: both stay as they are.
  void leave_log();
  std::uint64_t pages_logged() const;  ///< since it was opened

  std::uint64_t changed() const;    ///< rows, by the last statement that changed or removed some
  std::uint64_t bytes_max() const;  ///< of a record

  Fault fault() const;
  Trouble trouble() const;  ///< never none: only to be asked after a failure
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
  int code_ = 0;  ///< of opening it
  std::unique_ptr<int> log_pages_;
};

/// A copy of a column, whatever its type.
using SqlValue = std::shared_ptr<sqlite3_value>;

/// A prepared statement: bind, step until done, and again. What is bound is not copied: it has to live until the
/// statement is done. Parameters count from 1, columns from 0.
/// Threads: those of its connection.
class Statement {
 public:
  enum class Step : std::uint8_t { row, done, failed };

  Statement() = default;
  /// One that cannot be prepared (the file's tables are not what they should be) fails at each step.
  Statement(const SqlConnection& connection, std::string sql);
  Statement(Statement&& other) noexcept
      : connection_(other.connection_),
        sql_(std::move(other.sql_)),
        handle_(std::exchange(other.handle_, nullptr)),
        bound_(other.bound_) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(connection_, other.connection_);
    std::swap(sql_, other.sql_);
    std::swap(handle_, other.handle_);
    std::swap(bound_, other.bound_);
    return *this;
  }
  ~Statement();

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind_text(int parameter, std::string_view text);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);
  Statement& bind_column(int parameter, const Statement& from, int column);
  Statement& bind_value(int parameter, const SqlValue& value);

  Step step();
  /// To its end, without its rows.  False: it failed.
  bool run();
  void reset();

  std::int64_t integer(int column) const;
  SqlValue value(int column) const;
  bool null(int column) const;
  /// Text or blob: until the next step() or reset().
  std::string_view bytes(int column) const;
  int columns() const;

 private:
  void prepare();
  void bound(int parameter) { bound_.set(static_cast<std::size_t>(parameter)); }

  sqlite3* connection_ = nullptr;
  std::string sql_;
  sqlite3_stmt* handle_ = nullptr;
  std::bitset<32> bound_;  ///< parameters that are not NULL, as they are at first: most rows leave the same ones so
};

/// The first column of the first row; `otherwise` if there is none, or it failed.
std::int64_t integer_of(const SqlConnection& connection, std::string sql, std::int64_t otherwise = 0);
std::string text_of(const SqlConnection& connection, std::string sql);

}  // namespace bramble
