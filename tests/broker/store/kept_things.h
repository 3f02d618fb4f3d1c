#pragma once

#include <doctest/doctest.h>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/store/database.h"

namespace bramble::testing {

using Parts = std::vector<std::unique_ptr<Part>>;

/// A folder of its own in the temporary one, gone with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// What load() gave.
struct Kept final : Database::Reader {
  void session(KeptSession session) override { sessions.push_back(std::move(session)); }
  void subscription(KeptSubscription subscription) override { subscriptions.push_back(std::move(subscription)); }
  void receipt(const KeptReceipt& receipt) override { receipts.push_back(receipt); }
  void retained(std::uint32_t slot, MessagePtr message) override { slots.emplace_back(slot, std::move(message)); }
  void delivery(KeptDelivery delivery) override { deliveries.push_back(std::move(delivery)); }

  std::vector<KeptSession> sessions;
  std::vector<KeptSubscription> subscriptions;
  std::vector<KeptReceipt> receipts;
  std::vector<std::pair<std::uint32_t, MessagePtr>> slots;
  std::vector<KeptDelivery> deliveries;
  Database::Loaded loaded;
};

/// Opens it, which must work.
std::unique_ptr<Database> open(const std::filesystem::path& file);
/// Why it cannot be opened.
std::string refused(const std::filesystem::path& file);
Kept load(Database& database, const Clocks& clocks = Clocks::now());
/// Opens it, loads, and closes it again.
Kept reload(const std::filesystem::path& file);

/// A round of one part.
OrMessage<void> try_commit(Database& database, Part part, std::vector<RetainedChange> retained = {});
OrMessage<void> try_commit(Database& database, const Parts& parts);
/// It must work.
void commit(Database& database, Part part, std::vector<RetainedChange> retained = {});

MessagePtr message(std::string_view payload, std::string_view topic = "site/17/temp");
KeptSession session(std::uint64_t id);
KeptDelivery delivery(std::uint64_t row, std::uint64_t session, const MessagePtr& message);
/// Some of them: a list in braces cannot have what cannot be copied.
template <class... Delivery>
std::vector<KeptDelivery> deliveries(Delivery... each) {
  std::vector<KeptDelivery> all;
  (all.push_back(std::move(each)), ...);
  return all;
}

/// What store_mark() says, whose bit fields CHECK cannot take: the record that has the message, kInDelivery, or 0.
std::uint64_t record_of(const MessagePtr& message);
std::uint64_t rows_of(const MessagePtr& message);
inline constexpr std::uint64_t kInDelivery = ApplicationMessage::StoreMark::kInDelivery;

std::vector<std::string> payloads(const Kept& kept);
std::string contents(const std::filesystem::path& file);
void write(const std::filesystem::path& file, std::string_view contents);
/// Runs SQL on a database that nobody has open: its first column, as text.
std::vector<std::string> sql(const std::filesystem::path& file, const std::string& statement);

}  // namespace bramble::testing
