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

/// What the lines of an export are; raised when an older reader would not understand them.
inline constexpr std::uint64_t kStoreLinesFormat = 1;

/// A JSON object a line: first `bramble` with the format and the version, then each record of a database, at last `end`
/// with their number, so that a text that was cut off shows it. A record has its `type` (session, subscription,
/// receipt, retained or delivery) and everything the record has. Instants are milliseconds since 1970. Bytes that are
/// not UTF-8 without control characters are `NAME_base64` instead of `NAME`. A message that several deliveries have is
/// in the first of them; the others have its number, `message`. Who published a message is named if it has a session.
/// Threads: one.
class StoreExport final : public Database::Reader {
 public:
  /// `seed`: the database's. `print` gets a line, with its end; false: it cannot be written, and no more is.
  StoreExport(std::uint64_t seed, const Clocks& clocks, std::function<bool(std::string_view)> print)
      : seed_(seed), clocks_(clocks), print_(std::move(print)) {
    begin();
  }
  /// After the last record.
  void end();

  bool printed() const { return printed_; }

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;

 private:
  void begin();
  void print(bench::Json::Object record);
  void add_message(bench::Json::Object& to, const ApplicationMessage& message);

  const std::uint64_t seed_;
  const Clocks clocks_;
  const std::function<bool(std::string_view)> print_;
  bool printed_ = true;
  std::uint64_t lines_ = 0;
  std::map<PublisherId, std::string> clients_;
  std::set<std::uint64_t> messages_;  ///< those that are out
};

}  // namespace bramble::ctl
