#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/store/kept.h"
#include "core/base/result.h"

namespace bramble {

/// The file `bramble.db`: SQLite, in write-ahead mode, with an fsync a commit. One transaction holds all parts of a
/// round, so that what belongs to one PUBLISH is there as a whole or not at all, whatever happens to the power.
/// Threads: one at a time.  Lifetime: while it is open, no other process can open the file (the lock goes with the
/// process).
class Database {
 public:
  /// Creates it, or upgrades an older one. A file that is no database, or damaged beyond reading, is moved aside
  /// (bramble.db.damaged-N with its -wal), and take_moved() has a line that names both. If the disk takes no new file,
  /// it stays where it is until a commit() finds that it does, and nothing is written before.
  /// Errors: a line that names the file and says what to do: a newer format, another process has it open, no
  /// permission.
  static OrMessage<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;

  bool created() const;  ///< it was not there before
  /// What open(), load() or commit() has put aside since this was asked last, or could not: a line. Empty: nothing.
  /// To be asked after a commit() that fails, too.
  std::string take_moved();
  /// Of the session directory's hash: publishers keep their number. Chosen when the file is made.
  std::uint64_t seed() const;

  /// Everything in it, in this order: sessions, subscriptions, receipts, retained messages, deliveries by rising row.
  /// What cannot be read (a damaged page or record) is left out and counted; what belongs to a session that is not
  /// there too. Messages get their store_mark().
  class Reader {
   public:
    virtual void session(KeptSession session) = 0;
    virtual void subscription(KeptSubscription subscription) = 0;
    virtual void receipt(const KeptReceipt& receipt) = 0;
    virtual void retained(std::uint32_t slot, MessagePtr message) = 0;
    virtual void delivery(KeptDelivery delivery) = 0;

   protected:
    ~Reader() = default;
  };
  struct Loaded {
    std::uint64_t sessions = 0, subscriptions = 0, retained = 0, messages = 0, deliveries = 0;
    std::uint64_t left_out = 0;      ///< could not be read
    std::uint64_t last_session = 0;  ///< the greatest SessionId
    std::uint64_t last_row = 0;
  };
  /// `progress` hears now and then how many records have been read. Once, before the first commit(). `system`: now, as
  /// of everything here; what it means for the file is the Calendar's to say.
  OrMessage<Loaded> load(Reader& reader, const Clocks& system, const std::function<void(std::uint64_t)>& progress);

  /// All of it in one transaction, on the disk when this returns. With an error nothing of it is (nor in the messages'
  /// store_mark()), and the same may be tried again.
  /// Errors: a line: no space, read-only, an I/O error.
  OrMessage<void> commit(std::span<const std::unique_ptr<Part>> parts, std::span<const RetainedChange> retained,
                         const Clocks& system);
  /// When nothing is committed for long: the file is told if the system's clock has been set meanwhile.
  void look_at_clock(const Clocks& system);
  /// Moves what the log has into the file, if there is enough of it, and much if `somebody_waits`; between two commits,
  /// for it takes time.
  void checkpoint(bool somebody_waits = false);

  /// What clients know is going to change from here on. `stays_whole`: they hear of nothing that is not on the disk.
  /// Else, if end_run() does not follow, they may know more than the next load() gives, and sessions are in doubt then.
  void begin_run(bool stays_whole);
  void end_run(const Clocks& system);  ///< after the last commit(), if that worked

  struct Figures {
    std::uint64_t commits = 0;        ///< that wrote something
    std::uint64_t bytes_written = 0;  ///< to log and file
    std::uint64_t records_written = 0;
    std::uint64_t file_bytes = 0;  ///< its size, and the log's
  };
  Figures figures() const;

 private:
  class Engine;
  explicit Database(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace bramble
