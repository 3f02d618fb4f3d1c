#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log.h"
#include "broker/store/calendar.h"
#include "broker/store/database.h"
#include "broker/store/database_file.h"
#include "broker/store/record_writer.h"
#include "broker/store/statement.h"
#include "broker/store/table_scan.h"

namespace bramble {

/// What stands behind a Database: its file, the connection to it, and what to do when one of them fails.
/// Threads and lifetime: as Database.
class Database::Engine {
 public:
  explicit Engine(DatabaseFile file) : file_(std::move(file)), moved_(file_.log_aside()) {}
  Engine(const Engine&) = delete;

  /// After which it can be used.  Errors: a line for whoever starts the broker.
  OrMessage<void> begin();
  OrMessage<Loaded> load(Reader& reader, const Clocks& system, const std::function<void(std::uint64_t)>& progress);
  /// Its clocks are the system's.
  OrMessage<void> commit(RecordWriter::Round round);
  void look_at_clock(const Clocks& system);
  void checkpoint(bool somebody_waits);
  void begin_run(bool stays_whole);
  void end_run(const Clocks& system);
  Figures figures() const;

  bool created() const { return file_.created(); }
  std::string take_moved() { return std::exchange(moved_, {}); }
  std::uint64_t seed() const { return seed_; }

 private:
  /// What has to be put in the place of the file before anything is written.
  enum class Due : std::uint8_t {
    nothing,
    rebuilt,    ///< one with what can be read of it
    empty_file  ///< nothing can be read of it
  };

  Trouble connect();
  Trouble connect_to_read();
  Trouble connect_without_bad_log();
  Trouble cut_log();
  Trouble refuse();
  void take_identity();
  Trouble prepare();
  void disconnect();
  Trouble make_writable();
  Trouble connect_again();
  Trouble attempt(const RecordWriter::Round& round);
  bool transact(const RecordWriter::Round& round);
  void judge(Trouble& trouble);
  void judge_log();
  Trouble try_replace();
  Trouble replace(Due by);
  Trouble fill(const std::string& fresh, std::uint64_t& lost);
  Trouble swap_files(std::uint64_t lost);
  bool mark_run();
  Calendar& calendar(const Clocks& system);
  void tell(const std::string& line);
  void tell_of_due(const Trouble& trouble);
  std::string line(const char* what, const Trouble& trouble) const;

  DatabaseFile file_;
  SqlConnection connection_;
  std::optional<RecordWriter> writer_;
  std::string moved_;
  std::uint64_t seed_ = 0;  ///< 0: not known yet
  std::uint64_t lost_ = 0;  ///< places that replace() could not read

  Due due_ = Due::nothing;  ///< the disk did not take it so far
  std::string unreadable_;  ///< why nothing can be read
  Trouble not_replaced_;    ///< why the last try failed
  SteadyTime replace_after_ = SteadyTime::min();
  std::vector<KeyRange> left_out_;  ///< by load(), of a damaged file: to be removed before anything is written

  bool bad_places_ = true;                    ///< what the disk does not give is damaged: there is nobody else to ask
  std::optional<SteadyTime> unread_since_{};  ///< commits have failed for that alone
  std::optional<SteadyTime> log_unread_since_{};  ///< so have checkpoints

  int failures_ = 0;             ///< commits since the last that worked
  int broken_ = 0;               ///< those that may have broken the connection: a new one reads no log with a bad place
  bool marks_in_doubt_ = false;  ///< records may be missing that marks say are there
  std::optional<std::int64_t> cuts_;  ///< as it was found
  bool stays_whole_ = true;
  bool run_marked_ = true;
  std::optional<Calendar::Kept> found_calendar_;  ///< likewise
  std::optional<Calendar> calendar_;              ///< from the first look at a clock on
  Clocks system_{};                               ///< of the commit at hand
  std::uint64_t next_message_ = 0;                ///< kept while there is no writer_; 0: as the file says

  Figures done_;  ///< what connections and writers have done that are gone; its file_bytes do not count
  log::LinePerMinute checkpoint_lines_;
};

}  // namespace bramble
