#include "broker/store/importing.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "broker/session/mosquitto_source.h"
#include "broker/session/session_directory.h"
#include "broker/store/database_check.h"
#include "tests/broker/store/collected.h"
#include "tests/broker/store/mosquitto_bytes.h"
#include "tests/support/text_file.h"

namespace bramble {

namespace {

namespace fs = std::filesystem;
using testing::client_6;
using testing::client_message;
using testing::Collected;
using testing::mosquitto_head;
using testing::stored;
using testing::subscribed;
using testing::TextFile;

constexpr const char* kReal = "tests/broker/store/mosquitto_2_0.db";

/// A folder of its own, gone with the object.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("bramble-import-" + std::to_string(::getpid()));
  Folder() { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path db() const { return path / "bramble.db"; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
};

using Files = std::vector<std::string>;

struct Loaded {
  Collected all;
  Database::Loaded loaded;
  std::uint64_t seed = 0;
};

Loaded load(const fs::path& file, const Clocks& clocks) {
  Loaded result;
  const auto database = Database::open(file);
  REQUIRE_MESSAGE(database.has_value(), database.error());
  const auto loaded = (*database)->load(result.all, clocks, {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  result.loaded = *loaded;
  result.seed = (*database)->seed();
  return result;
}

std::string error_of(const OrMessage<Database::Loaded>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("what Mosquitto has kept is in the new database, message for message") {
  const Folder folder;
  const Clocks clocks = Clocks::now();
  const auto imported = import_into_new(kReal, folder.db(), clocks, source_of);
  REQUIRE_MESSAGE(imported.has_value(), imported.error());
  CHECK(folder.files() == Files{"bramble.db"});
  Collected direct;
  REQUIRE(read_mosquitto_database(kReal, clocks, direct).has_value());
  const auto [all, loaded, seed] = load(folder.db(), clocks);
  CHECK(loaded.left_out == 0);
  CHECK(loaded.sessions == imported->sessions);
  CHECK(loaded.subscriptions == imported->subscriptions);
  CHECK(loaded.deliveries == imported->deliveries);
  CHECK(loaded.last_row == imported->last_row);
  CHECK(all.receipts.size() == direct.receipts.size());
  for (const char* client : {"old", "five", "slow", "sender"}) CHECK(all.queue_of(client) == direct.queue_of(client));
  REQUIRE(all.retained_messages.size() == direct.retained_messages.size());
  for (std::size_t i = 0; i < all.retained_messages.size(); ++i) {
    const ApplicationMessage& is = *all.retained_messages[i].second;
    const ApplicationMessage& was = *direct.retained_messages[i].second;
    CHECK(all.retained_messages[i].first == direct.retained_messages[i].first);
    CHECK(is.topic() == was.topic());
    CHECK(is.payload() == was.payload());
    CHECK(is.properties() == was.properties());
    CHECK(is.facts().expiry_seconds == was.facts().expiry_seconds);
    CHECK_FALSE(is.source().empty());
  }
}

TEST_CASE("publishers have the number that their sessions will have with the database's seed") {
  const Folder folder;
  REQUIRE(import_into_new(kReal, folder.db(), Clocks::now()).has_value());
  const auto [all, loaded, seed] = load(folder.db(), Clocks::now());
  const SessionDirectory directory(seed);
  REQUIRE_FALSE(all.retained_messages.empty());
  for (const auto& [slot, message] : all.retained_messages) {
    const char* const by = message->topic() == "pending/kept" ? "sender" : "source";
    CHECK(message->facts().publisher == directory.publisher_id(by));
  }
}

TEST_CASE("more than one commit takes is imported all the same") {
  const Folder folder;
  std::string file = mosquitto_head(6);
  for (std::uint64_t id = 1; id <= 15'000; ++id)
    file += stored({.id = id, .topic = "t", .payload = std::to_string(id)});
  file += client_6("c", "", 0) + subscribed("c", "t", 1);
  for (std::uint64_t id = 1; id <= 15'000; ++id) file += client_message({.client_id = "c", .message = id});
  const TextFile mosquitto(file);
  const auto imported = import_into_new(mosquitto.path(), folder.db(), Clocks::now());
  REQUIRE_MESSAGE(imported.has_value(), imported.error());
  const auto [all, loaded, seed] = load(folder.db(), Clocks::now());
  const auto queue = all.queue_of("c");
  REQUIRE(queue.size() == 15'000);
  CHECK(queue.front() == "1");
  CHECK(queue[9'999] == "10000");
  CHECK(queue.back() == "15000");
}

TEST_CASE("a message that many sessions wait for is kept once, whatever fits into a commit") {
  const Folder folder;
  constexpr int kSessions = 4, kMessages = 500;  // more than one commit for each session
  const std::string payload(40'000, 'x');
  std::string file = mosquitto_head(6);
  for (std::uint64_t id = 1; id <= kMessages; ++id) file += stored({.id = id, .topic = "t", .payload = payload});
  for (int session = 0; session < kSessions; ++session) {
    const std::string client = "c" + std::to_string(session);
    file += client_6(client, "", 0) + subscribed(client, "t", 1);
    for (std::uint64_t id = 1; id <= kMessages; ++id) file += client_message({.client_id = client, .message = id});
  }
  const TextFile mosquitto(file);
  const auto imported = import_into_new(mosquitto.path(), folder.db(), Clocks::now());
  REQUIRE_MESSAGE(imported.has_value(), imported.error());
  CHECK(fs::file_size(folder.db()) < 2 * kMessages * payload.size());
  const auto [all, loaded, seed] = load(folder.db(), Clocks::now());
  CHECK(loaded.messages == kMessages);
  CHECK(loaded.deliveries == kSessions * kMessages);
  for (int session = 0; session < kSessions; ++session) {
    CHECK(all.queue_of("c" + std::to_string(session)).size() == kMessages);
  }
}

TEST_CASE("an imported message goes with the last who waited for it, and one for a single session lies with it") {
  const Folder folder;
  std::string file = mosquitto_head(6) + stored({.id = 1, .topic = "t", .payload = "of both"}) +
                     stored({.id = 2, .topic = "t", .payload = "of one"});
  for (const char* client : {"a", "b"}) {
    file += client_6(client, "", 0) + subscribed(client, "t", 1) + client_message({.client_id = client, .message = 1});
  }
  const TextFile mosquitto(file + client_message({.client_id = "b", .message = 2}));
  REQUIRE(import_into_new(mosquitto.path(), folder.db(), Clocks::now()).has_value());
  const auto database = Database::open(folder.db());
  REQUIRE(database.has_value());
  Collected all;
  REQUIRE((*database)->load(all, Clocks::now(), {}).has_value());
  REQUIRE(all.deliveries.size() == 3);
  const std::uint64_t of_one = all.deliveries.back().message->store_mark().id;
  CHECK(of_one == ApplicationMessage::StoreMark::kInDelivery);
  for (const std::size_t left : {std::size_t{1}, std::size_t{0}}) {
    std::vector<std::unique_ptr<Part>> parts;
    parts.push_back(std::make_unique<Part>());
    const KeptDelivery& gone = all.deliveries[1 - left];
    parts.front()->removed.push_back({gone.row, gone.message});
    REQUIRE((*database)->commit(parts, {}, Clocks::now()).has_value());
    const std::size_t rows = gone.message->store_mark().rows;
    CHECK(rows == left);
  }
  Collected rest;
  const auto loaded = (*database)->load(rest, Clocks::now(), {});
  REQUIRE(loaded.has_value());
  CHECK(loaded->messages == 1);
  CHECK(loaded->left_out == 0);
}

TEST_CASE("there is all of it or nothing: what ended in the middle is begun anew") {
  const Folder folder;
  const Fill breaks = [](Database& into) -> OrMessage<Database::Loaded> {
    Importing importing(into, Clocks::now());
    KeptSession session;
    session.id = SessionId{1};
    session.client_id = "half";
    importing.session(std::move(session));
    REQUIRE(importing.finish().has_value());
    return tl::unexpected<std::string>("the source ends");
  };
  CHECK(error_of(make_database(folder.db(), Clocks::now(), breaks)) == "the source ends");
  CHECK(folder.files().empty());
  std::ofstream(folder.path / "bramble.db.importing") << "of one whose power was cut";
  std::ofstream(folder.path / "bramble.db.importing-wal") << "and its log";
  REQUIRE(import_into_new(kReal, folder.db(), Clocks::now()).has_value());
  CHECK(folder.files() == Files{"bramble.db"});
  CHECK(load(folder.db(), Clocks::now()).all.session_of("half") == nullptr);
}

TEST_CASE("a database that is there is not touched, nor one whose log alone is left") {
  const Folder folder;
  REQUIRE(import_into_new(kReal, folder.db(), Clocks::now()).has_value());
  const auto before = fs::last_write_time(folder.db());
  CHECK(error_of(import_into_new(kReal, folder.db(), Clocks::now())).find("is there already") != std::string::npos);
  CHECK(fs::last_write_time(folder.db()) == before);
  fs::rename(folder.db(), folder.path / "bramble.db-wal");
  CHECK(error_of(import_into_new(kReal, folder.db(), Clocks::now())).find("bramble.db-wal: is there already") !=
        std::string::npos);
}

TEST_CASE("two at a time in one folder: the second is told") {
  const Folder folder;
  std::string second;
  const auto first = make_database(folder.db(), Clocks::now(), [&](Database&) {
    second = error_of(import_into_new(kReal, folder.db(), Clocks::now()));
    return OrMessage<Database::Loaded>{};
  });
  CHECK(first.has_value());
  CHECK(second.find("somebody makes a database there") != std::string::npos);
  CHECK(folder.files() == Files{"bramble.db"});
}

TEST_CASE("a source that cannot be read, or a folder that is not there, makes nothing") {
  const Folder folder;
  CHECK(error_of(import_into_new("/nonexistent", folder.db(), Clocks::now())).starts_with("/nonexistent: cannot be"));
  CHECK(folder.files().empty());
  CHECK(error_of(import_into_new(kReal, folder.path / "no" / "bramble.db", Clocks::now())).find("is no folder") !=
        std::string::npos);
}

TEST_CASE("to read a database changes nothing of it, and what cannot be used is counted") {
  const Folder folder;
  REQUIRE(import_into_new(kReal, folder.db(), Clocks::now()).has_value());
  const auto [all, loaded, seed] = load(folder.db(), Clocks::now());
  const auto before = fs::last_write_time(folder.db());
  Collected read;
  std::uint64_t read_seed = 0;
  const auto reader = [&](std::uint64_t with) -> Database::Reader& { return read_seed = with, read; };
  const auto result = read_database(folder.db(), Clocks::now(), reader);
  REQUIRE_MESSAGE(result.has_value(), result.error());
  CHECK(read.in_order);
  CHECK(read_seed == seed);
  CHECK(result->sessions == loaded.sessions);
  CHECK(result->deliveries == loaded.deliveries);
  CHECK(read.queue_of("slow") == all.queue_of("slow"));
  CHECK(fs::last_write_time(folder.db()) == before);
  CHECK(folder.files() == Files{"bramble.db"});
  const auto open = Database::open(folder.db());
  REQUIRE(open.has_value());
  CHECK(error_of(read_database(folder.db(), Clocks::now(), reader)).find("is in use") != std::string::npos);
}

}  // namespace bramble
