#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "broker/store/database.h"
#include "tools/bench/output/json.h"

namespace bramble::ctl {

/// A JSON object a line for each record of a database: `type` (session, subscription, receipt, retained or delivery)
/// and everything the record has. Instants are milliseconds since 1970. Bytes that are not UTF-8 without control
/// characters are `NAME_base64` instead of `NAME`. A message that several deliveries have is in the first of them; the
/// others have its number, `message`. Who published a message is named if it has a session.
/// Threads: one.
class StoreExport final : public Database::Reader {
 public:
  /// `seed`: the database's. `print` gets a line, with its end; false: it cannot be written, and no more is.
  StoreExport(std::uint64_t seed, const Clocks& clocks, std::function<bool(std::string_view)> print)
      : seed_(seed), clocks_(clocks), print_(std::move(print)) {}

  bool printed() const { return printed_; }

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;

 private:
  void print(bench::Json::Object record);
  void add_message(bench::Json::Object& to, const ApplicationMessage& message);

  const std::uint64_t seed_;
  const Clocks clocks_;
  const std::function<bool(std::string_view)> print_;
  bool printed_ = true;
  std::map<PublisherId, std::string> clients_;
  std::set<std::uint64_t> messages_;  ///< those that are out
};

}  // namespace bramble::ctl
