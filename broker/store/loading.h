#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/store/database.h"
#include "broker/store/table_scan.h"

namespace bramble {

/// Reads everything of a file, in the order and with the care that Database::load() promises.
/// Threads: those of the connection.  Lifetime: of one load().
/// Cost: 0.8 us for each message of 200 bytes and its delivery (bench/micro/store.cc, AMD EPYC VM, 2026-11-28).
class Loading {
 public:
  Loading(const SqlConnection& connection, Database::Reader& reader, const Clocks& clocks,
          const std::function<void(std::uint64_t)>& progress)
      : connection_(connection), reader_(reader), clocks_(clocks), progress_(progress) {}

  void run();

  const Database::Loaded& loaded() const { return loaded_; }
  /// Some of the file cannot be read.
  bool damaged() const { return damaged_; }
  /// Since the disk does not give it.
  bool met_bad_places() const { return met_bad_places_; }
  /// Why it has ended before it was done.
  const Trouble& trouble() const { return trouble_; }
  /// What is of no use to anybody, or could not be read: to be removed.
  const std::vector<KeyRange>& left_out() const { return left_out_; }
  std::uint64_t last_message() const { return last_message_; }

 private:
  void read_sessions();
  void read_subscriptions();
  void read_receipts();
  void read_retained();
  void read_messages();
  void read_deliveries();
  void find_orphans();

  /// Calls `take` with each row of the table.
  template <class Take>
  void each(std::string_view table_name, std::string_view columns, Take take);
  bool take_session(const Statement& row);
  bool take_subscription(const Statement& row);
  bool take_retained(const Statement& row);
  bool take_delivery(const Statement& row);
  bool known(SessionId session);
  MessagePtr message(std::uint64_t id);
  void leave_out(const TableRow& table, const Statement& row);  ///< column 1: the second part of its key

  const SqlConnection& connection_;
  Database::Reader& reader_;
  Clocks clocks_;
  const std::function<void(std::uint64_t)>& progress_;
  Database::Loaded loaded_;
  bool damaged_ = false, met_bad_places_ = false;
  Trouble trouble_;
  std::int64_t cuts_ = 0;
  std::vector<KeyRange> left_out_;
  std::vector<std::uint64_t> sessions_;  ///< rising
  std::unordered_set<std::string> clients_;
  std::size_t session_at_ = 0;  ///< where the last one looked for is: the next is often the same
  std::vector<std::pair<std::uint64_t, MessagePtr>> messages_;  ///< by rising id
  std::size_t message_at_ = 0;                                  ///< likewise: or the one behind it
  std::uint64_t last_message_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace bramble
