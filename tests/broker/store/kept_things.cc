#include "tests/broker/store/kept_things.h"

#include <fstream>
#include <iterator>
#include <sqlite3.h>
#include <stdlib.h>

#include "core/base/check.h"

namespace bramble::testing {

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "bramble-store-XXXXXX").string();
  check(::mkdtemp(name.data()) != nullptr, "the temporary folder takes another");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<Database> open(const std::filesystem::path& file) {
  auto database = Database::open(file);
  INFO((database ? std::string() : database.error()));
  REQUIRE(database);
  return std::move(*database);
}

std::string refused(const std::filesystem::path& file) {
  auto database = Database::open(file);
  return database ? "opened" : database.error();
}

Kept load(Database& database, const Clocks& clocks) {
  Kept kept;
  auto loaded = database.load(kept, clocks, {});
  INFO((loaded ? std::string() : loaded.error()));
  REQUIRE(loaded);
  kept.loaded = *loaded;
  return kept;
}

Kept reload(const std::filesystem::path& file) { return load(*open(file)); }

OrMessage<void> try_commit(Database& database, Part part, std::vector<RetainedChange> retained) {
  Parts parts;
  parts.push_back(std::make_unique<Part>(std::move(part)));
  return database.commit(parts, retained, Clocks::now());
}

OrMessage<void> try_commit(Database& database, const Parts& parts) { return database.commit(parts, {}, Clocks::now()); }

void commit(Database& database, Part part, std::vector<RetainedChange> retained) {
  const auto done = try_commit(database, std::move(part), std::move(retained));
  INFO((done ? std::string() : done.error()));
  REQUIRE(done);
}

MessagePtr message(std::string_view payload, std::string_view topic) {
  return MessagePtr::make({topic, {}, payload}, {mqtt::Qos::at_least_once, false, mqtt::kNoExpiry,
                                                 std::chrono::steady_clock::now(), PublisherId{7}});
}

KeptSession session(std::uint64_t id) {
  KeptSession session;
  session.id = SessionId{id};
  session.client_id = "client-" + std::to_string(id);
  session.expiry_seconds = mqtt::kSessionNeverExpires;
  session.listener = "1883";
  return session;
}

KeptDelivery delivery(std::uint64_t row, std::uint64_t session, const MessagePtr& message) {
  return {row, SessionId{session}, message, {}, mqtt::Qos::at_least_once};
}

std::uint64_t record_of(const MessagePtr& message) { return message->store_mark().id; }

std::uint64_t rows_of(const MessagePtr& message) { return message->store_mark().rows; }

std::vector<std::string> payloads(const Kept& kept) {
  std::vector<std::string> all;
  for (const auto& delivery : kept.deliveries) all.emplace_back(delivery.message->payload());
  return all;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const std::filesystem::path& file, std::string_view contents) {
  std::ofstream(file, std::ios::binary).write(contents.data(), static_cast<std::streamsize>(contents.size()));
}

std::vector<std::string> sql(const std::filesystem::path& file, const std::string& statement) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
  std::vector<std::string> rows;
  const auto take = [](void* into, int, char** columns, char**) {
    static_cast<std::vector<std::string>*>(into)->emplace_back(columns[0] != nullptr ? columns[0] : "NULL");
    return 0;
  };
  const int code = sqlite3_exec(handle, statement.c_str(), take, &rows, nullptr);
  INFO(sqlite3_errmsg(handle));
  CHECK(code == SQLITE_OK);
  sqlite3_close(handle);
  return rows;
}

}  // namespace bramble::testing
