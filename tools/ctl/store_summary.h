#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "broker/store/database.h"
#include "broker/store/database_check.h"

namespace bramble::ctl {

/// What `store inspect` says of a database.  Threads: one.
class StoreSummary final : public Database::Reader {
 public:
  explicit StoreSummary(const Clocks& clocks) : clocks_(clocks) {}
  /// Several lines, for people.
  std::string text(const DatabaseContents& contents, const Database::Loaded& loaded) const;

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;

 private:
  struct Queue {
    std::string client_id;
    std::optional<SteadyTime> gone_at;
    std::uint64_t messages = 0, bytes = 0;
  };
  std::string longest_queues() const;

  const Clocks clocks_;
  std::map<SessionId, Queue> queues_;
  std::uint64_t away_ = 0, shared_ = 0, receipts_ = 0, retained_bytes_ = 0, waiting_bytes_ = 0, in_flight_ = 0;
  SteadyTime oldest_ = SteadyTime::max();
  std::string oldest_topic_;
};

}  // namespace bramble::ctl
