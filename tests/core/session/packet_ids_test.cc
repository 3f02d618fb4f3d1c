#include "core/session/packet_ids.h"

#include <doctest/doctest.h>
#include <random>
#include <set>
#include <vector>

namespace bramble {

using mqtt::PacketId;

TEST_CASE("[MQTT-2.2.1-4] a Packet Identifier is never 0 and the one after the last given") {
  PacketIds ids;
  for (unsigned expected = 1; expected <= 1000; ++expected) {
    const auto id = ids.acquire();
    REQUIRE(id);
    CHECK(*id == expected);
    ids.release(*id);
  }
  CHECK(ids.count() == 0);
}

TEST_CASE("after 65535 comes 1 again, past those in use") {
  PacketIds ids;
  REQUIRE(ids.acquire() == 1);
  REQUIRE(ids.acquire() == 2);
  for (unsigned expected = 3; expected <= 65'535; ++expected) {
    const auto id = ids.acquire();
    REQUIRE(id == expected);
    ids.release(*id);
  }
  CHECK(ids.acquire() == 3);
}

TEST_CASE("with all 65535 in use there is none, until one is released") {
  PacketIds ids;
  for (unsigned n = 1; n <= 65'535; ++n) REQUIRE(ids.acquire() == n);
  CHECK(ids.count() == 65'535);
  CHECK_FALSE(ids.acquire());
  CHECK(ids.release(4711));
  CHECK_FALSE(ids.in_use(4711));
  CHECK_FALSE(ids.release(4711));
  CHECK(ids.acquire() == 4711);
  CHECK_FALSE(ids.acquire());
}

TEST_CASE("a known Packet Identifier is taken once, and skipped") {
  PacketIds ids;
  CHECK_FALSE(ids.take(0));
  CHECK(ids.take(2));
  CHECK_FALSE(ids.take(2));
  CHECK(ids.take(65'535));
  CHECK(ids.in_use(2));
  CHECK_FALSE(ids.in_use(0));
  CHECK(ids.acquire() == 1);
  CHECK(ids.acquire() == 3);
  CHECK(ids.count() == 4);
}

TEST_CASE("an idle session pays no more than 48 bytes for its Packet Identifiers") { CHECK(sizeof(PacketIds) <= 48); }

TEST_CASE("Packet Identifiers agree with a plain set after any run of changes") {
  for (const std::size_t most : {3u, 60u, 70u, 500u, 65'535u}) {
    const unsigned seed = 20261122;
    CAPTURE(seed);
    CAPTURE(most);
    std::mt19937 random(seed);
    PacketIds ids;
    std::set<PacketId> plain;
    PacketId last = 0;
    bool filling = true;
    for (int step = 0; step < 20'000; ++step) {
      if (plain.empty()) filling = true;
      if (plain.size() >= most) filling = false;
      if (random() % 500 == 0) filling = !filling;
      const unsigned choice = random() % 8;
      if (choice == 0) {
        const auto id = static_cast<PacketId>(random() % 600);
        REQUIRE(ids.take(id) == (id != 0 && plain.insert(id).second));
      } else if (plain.empty() || (filling && choice < 6) || (!filling && choice < 3)) {
        auto expected = last;
        do {
          expected = expected == 65'535 ? PacketId{1} : static_cast<PacketId>(expected + 1);
        } while (plain.contains(expected));
        REQUIRE(ids.acquire() == expected);
        plain.insert(expected);
        last = expected;
      } else {
        auto it = plain.lower_bound(static_cast<PacketId>(random() % 65'536));
        if (it == plain.end()) it = plain.begin();
        ids.release(*it);
        plain.erase(it);
      }
      REQUIRE(ids.count() == plain.size());
      const auto probe = static_cast<PacketId>(random() % 600);
      REQUIRE(ids.in_use(probe) == plain.contains(probe));
    }
    for (const PacketId id : plain) ids.release(id);
    CHECK(ids.count() == 0);
  }
}

TEST_CASE("each visits all identifiers in use, rising, whether there are few or many") {
  PacketIds ids;
  const auto all = [&] {
    std::vector<PacketId> visited;
    ids.each([&](PacketId id) { visited.push_back(id); });
    return visited;
  };
  CHECK(all().empty());
  for (const PacketId id : std::vector<PacketId>{65'535, 1, 300}) CHECK(ids.take(id));
  CHECK(all() == std::vector<PacketId>{1, 300, 65'535});
  std::vector<PacketId> many{1, 300};
  for (PacketId id = 1'000; id < 1'100; ++id) {
    CHECK(ids.take(id));
    many.push_back(id);
  }
  many.push_back(65'535);
  CHECK(all() == many);
  for (PacketId id = 1'000; id < 1'100; ++id) ids.release(id);
  CHECK(all() == std::vector<PacketId>{1, 300, 65'535});
}

}  // namespace bramble
