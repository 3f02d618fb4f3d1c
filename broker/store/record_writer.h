#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "broker/store/kept.h"
#include "broker/store/statement.h"

namespace bramble {

/// Writes what Parts say into the open transaction of a connection, and keeps the messages' store_mark() in step.
/// Threads: those of the connection.  Lifetime: shorter than the connection's.
/// Cost: 2.4 us of CPU for a message of 200 bytes and its delivery, 2.1 us when both go, 560 bytes to the disk either
/// way (bench/micro/store.cc: 2048 a round, AMD EPYC VM, others at work, 2026-11-28).
class RecordWriter {
 public:
  explicit RecordWriter(const SqlConnection& connection);

  struct Round {
    std::span<const std::unique_ptr<Part>> parts;
    std::span<const RetainedChange> retained;
    Clocks clocks;
    /// A round before it failed and may be on the disk all the same: what marks say of the disk is then too little or
    /// too much, so records are written again.
    bool in_doubt = false;
  };
  /// All of it.  False: the connection says why; marks are as they were.
  bool write(const Round& round);
  /// The transaction of the last write() was not committed: marks are as they were before it.
  void take_back();
  /// It was committed.
  void settle() { touched_.clear(); }

  std::uint64_t records() const { return records_; }  ///< rows written and removed, all in all
  /// Greater than that of any record in the file.
  std::uint64_t next_message() const { return next_message_; }
  void next_message(std::uint64_t id) { next_message_ = id; }
  void cuts(std::int64_t cuts) { cuts_ = cuts; }  ///< see schema.h

 private:
  bool write_all(const Round& round);
  bool write_sessions(const Round& round);
  bool write_subscriptions(const Part& part);
  bool write_deliveries(const Round& round);
  bool write_removals(const Round& round);
  bool write_receipts(const Part& part);
  bool write_retained(const Round& round);

  bool end(SessionId session);
  bool put(const KeptSession& session, const Clocks& clocks);
  bool put(const KeptDelivery& delivery, const Round& round);
  void note(const ApplicationMessage& message);
  bool put_row(const KeptDelivery& delivery);
  bool put_message(const ApplicationMessage& message, std::uint64_t id, const Clocks& clocks);
  bool remove(const Part::RemovedDelivery& removed, const Round& round);
  bool put_retained(const RetainedChange& change, const Clocks& clocks);
  bool fits(const ApplicationMessage& message);
  bool run(Statement& statement);
  ApplicationMessage::StoreMark& touch(const ApplicationMessage& message);

  struct Touched {
    const ApplicationMessage* message;
    ApplicationMessage::StoreMark before;
  };
  const SqlConnection& connection_;
  std::vector<Touched> touched_;
  std::uint64_t next_message_ = 1;
  std::uint64_t next_message_before_ = 1;
  std::int64_t cuts_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_max_;  ///< of a record, with some room for its head
  std::string facts_;        ///< as long as a statement that has it bound may need it
  std::vector<const KeptDelivery*> deliveries_;
  std::vector<const Part::RemovedDelivery*> removed_;

  Statement end_session_, end_subscriptions_, end_receipts_, put_session_;
  Statement put_subscription_, remove_subscription_;
  Statement put_message_, remove_message_;
  Statement put_delivery_, change_delivery_, remove_delivery_;
  Statement put_receipt_, remove_receipt_;
  Statement put_retained_, remove_retained_;
};

}  // namespace bramble
