#include "broker/session/session_directory.h"

#include <atomic>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

#include "broker/session/sessions.h"

namespace bramble {
namespace {

constexpr ReactorId kFirst{0}, kSecond{1};

/// A session, to have something to point to.
struct Owner {
  SessionDirectory directory{1};
  Quiescence quiescence{2};
  SubscriptionTable table{quiescence, 2, 1};
  ShardSubscribers subscribers;
  DeliveryRules rules;
  Ledger ledger;
  Sessions sessions{directory, table, subscribers, rules, ledger};
  OwnedSession session{sessions, SessionId{1}, PublisherId{1}, "client"};
};

TEST_CASE("the first reactor to claim a client id owns it, until its session ends") {
  Owner owner;
  SessionDirectory& directory = owner.directory;
  CHECK(directory.claim("client", kFirst) == kFirst);
  directory.set_session("client", owner.session);
  CHECK(directory.claim("client", kFirst) == kFirst);
  CHECK(directory.session("client") == &owner.session);
  directory.release("client");
  CHECK(directory.session("client") == nullptr);
  CHECK(directory.size() == 0);
  CHECK(directory.claim("client", kSecond) == kSecond);
}

TEST_CASE("an entry stays while a connection is on its way to the owner, whatever becomes of the session") {
  Owner owner;
  SessionDirectory& directory = owner.directory;
  directory.claim("client", kFirst);
  directory.set_session("client", owner.session);
  CHECK(directory.claim("client", kSecond) == kFirst);
  CHECK(directory.claim("client", kSecond) == kFirst);
  directory.release("client");
  CHECK(directory.claim("client", kSecond) == kFirst);  // a third one follows the others
  CHECK(directory.size() == 1);
  for (int moved = 0; moved < 2; ++moved) {
    directory.arrived("client");
    CHECK(directory.size() == 1);
  }
  directory.arrived("client");
  CHECK(directory.size() == 0);
}

TEST_CASE("[MQTT-3.1.2-8] an entry stays until the Will of its session is out, whoever arrives in between") {
  Owner owner;
  SessionDirectory& directory = owner.directory;
  directory.claim("client", kFirst);
  directory.set_session("client", owner.session);
  directory.release("client", true);
  CHECK(directory.session("client") == nullptr);
  CHECK(directory.claim("client", kSecond) == kFirst);
  directory.arrived("client");
  CHECK(directory.claim("client", kSecond) == kFirst);
  directory.will_is_out("client");
  CHECK(directory.size() == 1);  // for the one on its way
  directory.arrived("client");
  CHECK(directory.size() == 0);
}

TEST_CASE("an entry stays when the last connection on its way arrives, if there is a session") {
  Owner owner;
  SessionDirectory& directory = owner.directory;
  directory.claim("client", kFirst);
  directory.set_session("client", owner.session);
  CHECK(directory.claim("client", kSecond) == kFirst);
  directory.arrived("client");
  CHECK(directory.session("client") == &owner.session);
}

TEST_CASE("a session is given as its owner's only, and the clients that have one are listed slice by slice") {
  Owner owner;
  SessionDirectory& directory = owner.directory;
  directory.claim("client", kSecond);
  directory.claim("no session yet", kFirst);
  directory.set_session("client", owner.session);
  CHECK(directory.session("client", kSecond) == &owner.session);
  CHECK(directory.session("client", kFirst) == nullptr);
  CHECK(directory.session("nobody", kFirst) == nullptr);
  std::vector<std::pair<std::string, ReactorId>> all;
  for (std::size_t slice = 0; slice < SessionDirectory::kSlices; ++slice) {
    for (auto& each : directory.clients(slice)) all.push_back(std::move(each));
  }
  CHECK(all == std::vector{std::pair{std::string("client"), kSecond}});
}

TEST_CASE("of many reactors that claim the same ids at once, all are told the same owner") {
  SessionDirectory directory(1);
  constexpr int kIds = 2'000;
  std::vector<std::vector<ReactorId>> told(4, std::vector<ReactorId>(kIds));
  std::vector<std::thread> threads;
  for (std::uint16_t reactor = 0; reactor < 4; ++reactor) {
    threads.emplace_back([&directory, &told, reactor] {
      for (int i = 0; i < kIds; ++i)
        told[reactor][static_cast<std::size_t>(i)] = directory.claim(std::to_string(i), ReactorId{reactor});
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(directory.size() == kIds);
  for (std::size_t reactor = 1; reactor < 4; ++reactor) CHECK(told[reactor] == told[0]);
}

}  // namespace
}  // namespace bramble
