#include "tests/broker/store/damaged_file.h"

#include "broker/store/database_check.h"

namespace bramble::testing {

void fill(const std::filesystem::path& file) {
  Part part;
  std::vector<RetainedChange> retained;
  for (std::uint64_t id = 1; id <= 300; ++id) {
    part.sessions.push_back(session(id));
    part.subscriptions.push_back({KeptSubscription{SessionId{id}, "some/filter/" + std::to_string(id)}});
    for (mqtt::PacketId packet = 1; packet <= 10; ++packet) part.receipts.push_back({{SessionId{id}, packet}});
    retained.push_back({static_cast<std::uint32_t>(id), message("retained", "r/" + std::to_string(id))});
  }
  MessagePtr last;  // of the first half each lies in a record that two wait for, of the others in its delivery
  for (std::uint64_t row = 1; row <= kDeliveries; ++row) {
    if (row % 2 == 1 || row > kDeliveries / 2) last = message(std::string(150, 'p') + std::to_string(row));
    part.deliveries.push_back(delivery(row, row % 300 + 1, last));
  }
  commit(*open(file), std::move(part), std::move(retained));
}

std::vector<std::size_t> pages_of(const std::filesystem::path& file, const std::string& table) {
  std::vector<std::size_t> pages;
  for (const auto& number : sql(file, "SELECT pageno FROM dbstat WHERE name = '" + table + "' ORDER BY pageno")) {
    pages.push_back(std::stoul(number));
  }
  return pages;
}

void overwrite_page(const std::filesystem::path& file, std::size_t page, char with) {
  std::string bytes = contents(file);
  bytes.replace((page - 1) * kPage, kPage, kPage, with);
  write(file, bytes);
}

void make_row_huge(const std::filesystem::path& file, std::size_t page) {
  std::string bytes = contents(file);
  const std::size_t begin = (page - 1) * kPage;
  REQUIRE(bytes[begin] == 13);  // a leaf of a table
  const auto byte = [&](std::size_t at) -> std::size_t { return static_cast<unsigned char>(bytes[begin + at]); };
  const std::size_t cell = begin + (byte(8) << 8 | byte(9));
  // its length, a row number, and a head: NULL, a short text, a blob
  static constexpr std::string_view kHuge("\x87\xFF\xFF\xFF\x7E\x01\x0C\x00\x17\x87\xFF\xFF\xFF\x70", 14);
  bytes.replace(cell, kHuge.size(), kHuge);
  write(file, bytes);
}

void check_sound(const std::filesystem::path& file, const Kept& kept) {
  const auto found = check_database(file);
  REQUIRE(found);
  CHECK(found->empty());
  const Kept again = reload(file);
  CHECK(again.loaded.left_out == 0);
  CHECK(again.sessions.size() == kept.sessions.size());
  CHECK(again.subscriptions.size() == kept.subscriptions.size());
  CHECK(again.receipts.size() == kept.receipts.size());
  CHECK(again.slots.size() == kept.slots.size());
  CHECK(payloads(again) == payloads(kept));
  const auto database = open(file);
  load(*database);
  Part part;
  part.sessions.push_back(session(1'000));
  part.deliveries = deliveries(delivery(10'000, 1'000, message("new")));
  commit(*database, std::move(part));
  CHECK(load(*database).deliveries.size() == kept.deliveries.size() + 1);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace bramble::testing
