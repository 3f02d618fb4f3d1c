#pragma once

#include "broker/store/database.h"

namespace bramble::ctl {

/// Takes what a database is read to hold, and looks at nothing of it: whoever reads wants only what was counted.
class Nobody final : public Database::Reader {
 public:
  void session(KeptSession) override {}
  void subscription(KeptSubscription) override {}
  void receipt(const KeptReceipt&) override {}
  void retained(std::uint32_t, MessagePtr) override {}
  void delivery(KeptDelivery) override {}
};

}  // namespace bramble::ctl
