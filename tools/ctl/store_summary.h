#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/store/database.h"

namespace bramble::ctl {

/// What `store inspect` says of a database.  Threads: one.
class StoreSummary final : public Database::Reader {
 public:
  explicit StoreSummary(const Clocks& clocks) : clocks_(clocks) {}
  /// Several lines, for people.
  std::string text(const Database::Loaded& loaded) const;

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;

 private:
  struct Queue {
    std::string client_id;
    std::optional<WallTime> gone_at;
    std::uint64_t messages = 0, bytes = 0;
  };
  std::string longest_queues() const;

  const Clocks clocks_;
  std::map<SessionId, Queue> queues_;
  std::uint64_t away_ = 0, shared_ = 0, receipts_ = 0, retained_bytes_ = 0, waiting_bytes_ = 0, in_flight_ = 0;
  SteadyTime oldest_ = SteadyTime::max();
  std::string oldest_topic_;
};

/// What `store check` finds wrong in what could be read: a line each.  Threads: one.
class StoreCheck final : public Database::Reader {
 public:
  const std::vector<std::string>& findings() const { return findings_; }  ///< at most kFindingsMax
  std::uint64_t found() const { return found_; }
  static constexpr std::size_t kFindingsMax = 20;

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;

 private:
  void find(std::string what);

  std::map<std::string, SessionId, std::less<>> client_ids_;
  std::map<SessionId, std::string> sessions_;
  std::set<std::string, std::less<>> topics_;
  std::set<std::pair<SessionId, mqtt::PacketId>> in_flight_;
  std::vector<std::string> findings_;
  std::uint64_t found_ = 0;
};

}  // namespace bramble::ctl
