// What read_mosquitto_database makes of files that are damaged, hostile, or something else.
#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "tests/broker/store/mosquitto_bytes.h"
#include "tests/broker/store/mosquitto_reading.h"
#include "tests/support/random.h"

namespace bramble {

namespace {

using namespace std::string_literals;
using testing::at;
using testing::bytes_of;
using testing::chunk;
using testing::client_6;
using testing::client_message;
using testing::Collected;
using testing::kReal;
using testing::kRealMadeAt;
using testing::mosquitto_head;
using testing::names;
using testing::read_bytes;
using testing::refused;
using testing::refused_bytes;
using testing::stored;
using testing::subscribed;
using testing::TextFile;
using Queue = std::vector<std::string>;

}  // namespace

TEST_CASE("what is damaged, or belongs to nobody, is left out and counted, and the rest is read") {
  const std::string good = stored({.id = 1, .topic = "t", .payload = "good"}) + client_6("c", "", 0);
  const std::string waits = client_message({.client_id = "c", .message = 1});
  const auto [all, loaded] = read_bytes(
      mosquitto_head(6) + good + good + stored({.id = 5, .topic = "a/#", .payload = "x"}) +
      stored({.id = 6, .topic = "t", .payload = "x", .properties = "\2\x7F\1"}) +
      stored({.id = 7, .topic = "t", .payload = "x", .qos = 3}) + client_6("", "", 0) + client_6("bad\xFF", "", 0) +
      chunk(9, "of a type to come") + chunk(2, "short") + chunk(6, "") + subscribed("c", "a#", 1) +
      subscribed("nobody", "a", 1) + testing::retained(99) + client_message({.client_id = "c", .message = 99}) +
      client_message({.client_id = "nobody", .message = 1}) + waits);
  CHECK(loaded.left_out == 15);
  CHECK(all.sessions.size() == 1);
  CHECK(all.queue_of("c") == Queue{"good"});
}

TEST_CASE("what cannot be read at all is refused with a line that names the file and says what it is") {
  CHECK(refused("/nonexistent/mosquitto.db").starts_with("/nonexistent/mosquitto.db: cannot be read: No such file"));
  CHECK(refused("/tmp").starts_with("/tmp: is no file that can be read"));
  CHECK(refused_bytes("") == "is empty, so it is no database of Mosquitto");
  CHECK(refused_bytes("SQLite format 3 and more than that").starts_with("is no database of Mosquitto; name the file"));
  CHECK(refused_bytes("\0\xB5\0mosquitto"s).starts_with("is no database of Mosquitto"));
  CHECK(refused_bytes(mosquitto_head(4)).starts_with("is of format 4, of Mosquitto before 1.6, and only 5 and 6 can"));
  CHECK(refused_bytes(mosquitto_head(7)).starts_with("is of format 7, of a Mosquitto that is newer than this"));
  CHECK(refused_bytes(mosquitto_head(6, 4)).starts_with("is of a Mosquitto that numbers messages in another way"));
}

TEST_CASE("a pipe in the file's place is not waited for") {
  const TextFile file("");
  const std::string pipe = file.path() + ".pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refused(pipe).find("is no file that can be read") != std::string::npos);
  ::unlink(pipe.c_str());
}

TEST_CASE("a chunk that says it is longer than the file takes no memory, and ends it") {
  const auto [all, loaded] = read_bytes(mosquitto_head(6) + client_6("c", "", 0) + testing::big_endian(2, 4) +
                                        testing::big_endian(0xFFFF'FFFF, 4) + "x" + client_6("d", "", 0));
  CHECK(loaded.left_out == 1);
  CHECK(loaded.sessions == 1);
}

TEST_CASE("a file in which everybody waits for everything ends at a limit, and what is left out is counted") {
  constexpr int kEach = 1'100;
  std::string file = mosquitto_head(6) + client_6("c", "", 0) + client_6("from", "", 0);
  for (std::uint32_t i = 1; i <= kEach; ++i) {
    file += subscribed("c", "#", 1, 0, i);
    file += stored({.id = i, .topic = "t", .payload = "x", .qos = 2});
    file += client_message({.client_id = "from",
                            .message = i,
                            .packet_id = static_cast<std::uint16_t>(i),
                            .qos = 2,
                            .state = 7,
                            .direction = 0});
  }
  struct Counting final : Database::Reader {
    std::uint64_t deliveries = 0;
    void session(KeptSession) override {}
    void subscription(KeptSubscription) override {}
    void receipt(const KeptReceipt&) override {}
    void retained(std::uint32_t, MessagePtr) override {}
    void delivery(KeptDelivery) override { ++deliveries; }
  } counting;
  const TextFile mosquitto(file);
  const auto loaded = read_mosquitto_database(mosquitto.path(), at(1000), counting);
  REQUIRE(loaded.has_value());
  CHECK(counting.deliveries == loaded->deliveries);
  CHECK(loaded->deliveries == 1'000'000 / kEach * kEach);
  CHECK(loaded->left_out == kEach - 1'000'000 / kEach);
}

TEST_CASE("a file that is cut off anywhere gives what is before that, or an error") {
  const std::string whole = bytes_of(kReal);
  const TextFile file(whole);
  for (std::size_t size = whole.size(); size-- > 0;) {
    std::filesystem::resize_file(file.path(), size);
    Collected all;
    const auto loaded = read_mosquitto_database(file.path(), at(kRealMadeAt), all, names());
    REQUIRE(loaded.has_value() == (size >= 23));
    REQUIRE(all.in_order);
  }
}

TEST_CASE("a file with any bits turned over gives something, or an error") {
  testing::Random random(testing::test_seed());
  const std::string whole = bytes_of(kReal);
  for (int round = 0; round < 2'000; ++round) {
    std::string damaged = whole;
    for (std::uint64_t flips = random.between(1, 8); flips > 0; --flips) {
      const auto place = random.one_in(2) ? random.below(whole.size()) : random.below(4) + 8 * random.below(20);
      damaged[place] = static_cast<char>(damaged[place] ^ (1 << random.below(8)));
    }
    const TextFile file(damaged);
    Collected all;
    const auto loaded = read_mosquitto_database(file.path(), at(kRealMadeAt), all, names());
    REQUIRE(all.in_order);
    if (loaded) REQUIRE(loaded->deliveries == all.deliveries.size());
  }
}

}  // namespace bramble
