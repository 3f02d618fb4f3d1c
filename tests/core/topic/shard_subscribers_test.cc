#include "core/topic/shard_subscribers.h"

#include <doctest/doctest.h>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace bramble {
namespace {

struct Client : Recipient {};

using Added = ShardSubscribers::Added;
using Removed = ShardSubscribers::Removed;

constexpr FilterId kLamp{7};

std::set<const Recipient*> recipients(std::span<const Subscriber> subscribers) {
  std::set<const Recipient*> all;
  for (const Subscriber& it : subscribers) all.insert(it.recipient);
  CHECK(all.size() == subscribers.size());
  return all;
}

TEST_CASE("a shard knows its subscribers by filter id") {
  ShardSubscribers shard;
  Client one, two;
  CHECK(shard.on(kLamp).empty());
  CHECK(shard.add(kLamp, {.recipient = &one, .subscription_identifier = 5}) == Added::first);
  CHECK(shard.add(kLamp, {.recipient = &two}) == Added::another);
  CHECK(shard.add(FilterId{8}, {.recipient = &two}) == Added::first);
  CHECK(recipients(shard.on(kLamp)) == std::set<const Recipient*>{&one, &two});
  CHECK(shard.find(kLamp, &one)->subscription_identifier == 5);
  CHECK(shard.size() == 3);
  CHECK(shard.remove(kLamp, &one) == Removed::another);
  CHECK(shard.remove(kLamp, &one) == Removed::none);
  CHECK(shard.remove(kLamp, &two) == Removed::last);
  CHECK(shard.on(kLamp).empty());
  CHECK(shard.size() == 1);
}

TEST_CASE("[MQTT-3.8.4-3] subscribing again to the same filter replaces the options") {
  ShardSubscribers shard;
  Client one, two;
  shard.add(kLamp, {.recipient = &one});
  CHECK(shard.add(kLamp, {.recipient = &one, .qos = mqtt::Qos::exactly_once}) == Added::replaced);
  CHECK(shard.on(kLamp).size() == 1);
  CHECK(shard.on(kLamp)[0].qos == mqtt::Qos::exactly_once);
  shard.add(kLamp, {.recipient = &two});
  CHECK(shard.add(kLamp, {.recipient = &two, .no_local = true}) == Added::replaced);
  CHECK(shard.find(kLamp, &two)->no_local);
}

TEST_CASE("a shard's subscribers agree with a plain map after any run of changes, and shrink back") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    ShardSubscribers shard;
    std::vector<Client> clients(60);
    std::map<FilterId, std::set<const Recipient*>> model;
    for (int step = 0; step < 30'000; ++step) {
      const FilterId id{1 + random() % (random() % 2 ? 400 : 3)};
      Client* client = &clients[random() % clients.size()];
      auto& members = model[id];
      if (random() % 30'000 > static_cast<unsigned>(step) * 2 / 3) {
        const bool fresh = members.insert(client).second;
        const auto expected = !fresh ? Added::replaced : members.size() == 1 ? Added::first : Added::another;
        REQUIRE(shard.add(id, {.recipient = client}) == expected);
      } else {
        const bool there = members.erase(client) == 1;
        const auto expected = !there ? Removed::none : members.empty() ? Removed::last : Removed::another;
        REQUIRE(shard.remove(id, client) == expected);
      }
      REQUIRE(recipients(shard.on(id)) == members);
      REQUIRE((shard.find(id, client) != nullptr) == members.contains(client));
    }
    for (const auto& [id, members] : model) {
      for (const Recipient* it : members) shard.remove(id, it);
    }
    CHECK(shard.size() == 0);
    CHECK(shard.bytes() <= sizeof shard + 64 * 4 * 24);
  }
}

TEST_CASE("a fan-out that stops part way serves each who stays exactly once, whoever comes and goes meanwhile") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    ShardSubscribers shard;
    std::vector<Client> clients(2 + random() % 60);
    std::set<const Recipient*> there;  // since before the message
    std::map<const Recipient*, int> served;
    for (Client& client : clients) {
      if (random() % 2) continue;
      shard.add(kLamp, {.recipient = &client});
      there.insert(&client);
    }
    const std::size_t first = there.empty() ? 0 : random() % there.size();
    for (std::size_t i = 0; i < first; ++i) ++served[shard.on(kLamp)[i].recipient];
    shard.suspend(kLamp, first);
    while (!shard.rest().empty()) {
      for (unsigned changes = random() % 8; changes > 0; --changes) {
        Client* client = &clients[random() % clients.size()];
        if (random() % 2) {
          shard.add(kLamp, {.recipient = client});
        } else {
          shard.remove(kLamp, client);
          there.erase(client);
        }
      }
      if (shard.rest().empty()) break;
      const std::size_t some = 1 + random() % shard.rest().size();
      for (std::size_t i = 0; i < some; ++i) ++served[shard.rest()[i].recipient];
      shard.advance(some);
    }
    shard.finish();
    CHECK_FALSE(shard.suspended());
    for (const Recipient* it : there) CHECK(served[it] == 1);
    for (const auto& [it, times] : served) CHECK(times <= 1);
  }
}

TEST_CASE("a group's messages go round its members, past those who do not take them") {
  ShardSubscribers shard;
  std::vector<Client> clients(3);
  CHECK(shard.next_member(kLamp, [](const Subscriber&) { return true; }) == nullptr);
  shard.add(kLamp, {.recipient = &clients[0]});
  CHECK(shard.next_member(kLamp, [](const Subscriber&) { return true; })->recipient == &clients[0]);
  for (Client& client : clients) shard.add(kLamp, {.recipient = &client});
  std::map<const Recipient*, int> served;
  for (int i = 0; i < 9; ++i) ++served[shard.next_member(kLamp, [](const Subscriber&) { return true; })->recipient];
  for (Client& client : clients) CHECK(served[&client] == 3);
  const auto not_first = [&clients](const Subscriber& it) { return it.recipient != &clients[0]; };
  for (int i = 0; i < 4; ++i) ++served[shard.next_member(kLamp, not_first)->recipient];
  CHECK(served[&clients[0]] == 3);
  CHECK(served[&clients[1]] == 5);
  CHECK(served[&clients[2]] == 5);
  CHECK(shard.next_member(kLamp, [](const Subscriber&) { return false; }) == nullptr);
}

}  // namespace
}  // namespace bramble
