#include <algorithm>
#include <doctest/doctest.h>
#include <map>

#include "broker/store/database.h"
#include "broker/store/database_check.h"
#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"
#include "tests/support/random.h"

namespace bramble::testing {

namespace {

/// What should be in the file, in words that compare.
struct Expected {
  std::map<std::uint64_t, std::string> sessions, deliveries, slots;
  std::map<std::pair<std::uint64_t, std::string>, unsigned> subscriptions;
  std::map<std::pair<std::uint64_t, unsigned>, bool> receipts;
  bool operator==(const Expected&) const = default;
};

std::string words(std::uint64_t session, const DeliveryState& state, std::string_view payload) {
  return std::to_string(session) + " " + std::to_string(static_cast<int>(state.stage)) + " " +
         std::to_string(state.packet_id) + " " + std::string(payload);
}

Expected expected_of(const Kept& kept) {
  Expected is;
  for (const auto& session : kept.sessions) is.sessions[session.id.value] = session.client_id;
  for (const auto& each : kept.subscriptions) {
    is.subscriptions[{each.session.value, each.filter}] = static_cast<unsigned>(each.qos);
  }
  for (const auto& receipt : kept.receipts) is.receipts[{receipt.session.value, receipt.packet_id}] = true;
  for (const auto& [slot, message] : kept.slots) is.slots[slot] = message->payload();
  for (const auto& each : kept.deliveries) {
    is.deliveries[each.row] = words(each.session.value, each.state, each.message->payload());
  }
  return is;
}

/// Makes rounds at random, and knows what is in the file after each.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  /// One round, in one or two parts.
  void round(Database& database) {
    Parts parts;
    parts.push_back(std::make_unique<Part>());
    parts.push_back(std::make_unique<Part>());
    std::vector<RetainedChange> retained;
    for (auto left = random_.between(1, 12); left > 0; --left) change(*parts[0], *parts[random_.below(2)], retained);
    REQUIRE(database.commit(parts, retained, Clocks::now()));
  }
  const Expected& now() const { return now_; }

 private:
  struct Waiting {
    std::uint64_t session;
    MessagePtr message;
  };

  /// What has an order is all in one part, as it is when a session has one reactor.
  void change(Part& part, Part& any, std::vector<RetainedChange>& retained) {
    switch (random_.below(8)) {
      case 0: return begin_session(any);
      case 1: return random_.one_in(4) ? end_session(part) : subscribe(part);
      case 2: return receive(part);
      case 3: return retain(retained);
      case 4: return advance(part);
      case 5: return remove(part);
      default: return enqueue(any);
    }
  }

  std::uint64_t some_session() {
    auto at = now_.sessions.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(now_.sessions.size())));
    return at->first;
  }

  void begin_session(Part& part) {
    KeptSession begun = session(++last_session_);
    now_.sessions[begun.id.value] = begun.client_id;
    part.sessions.push_back(std::move(begun));
  }

  /// Only one that an earlier round began and nothing of this round is about.
  void end_session(Part& part) {
    if (now_.sessions.empty() || !part.empty()) return;
    const std::uint64_t gone = some_session();
    if (gone + 20 > last_session_) return;
    part.ended.push_back(SessionId{gone});
    for (const auto& [row, waiting] : waiting_) {
      if (waiting.session == gone) part.removed.push_back({row, waiting.message});
    }
    for (const auto& removed : part.removed) forget(removed.row);
    now_.sessions.erase(gone);
    std::erase_if(now_.subscriptions, [&](const auto& entry) { return entry.first.first == gone; });
    std::erase_if(now_.receipts, [&](const auto& entry) { return entry.first.first == gone; });
  }

  void subscribe(Part& part) {
    if (now_.sessions.empty() || !part.ended.empty()) return;
    KeptSubscription made{SessionId{some_session()}, "f/" + std::to_string(random_.below(9))};
    made.qos = static_cast<mqtt::Qos>(random_.below(3));
    const bool removed = random_.one_in(3);
    const std::pair key{made.session.value, made.filter};
    if (removed) {
      now_.subscriptions.erase(key);
    } else {
      now_.subscriptions[key] = static_cast<unsigned>(made.qos);
    }
    part.subscriptions.push_back({std::move(made), removed});
  }

  void receive(Part& part) {
    if (now_.sessions.empty()) return;
    const KeptReceipt receipt{SessionId{some_session()}, static_cast<mqtt::PacketId>(random_.between(1, 6))};
    const std::pair key{receipt.session.value, unsigned{receipt.packet_id}};
    const bool released = now_.receipts.contains(key);
    if (released) {
      now_.receipts.erase(key);
    } else {
      now_.receipts[key] = true;
    }
    part.receipts.push_back({receipt, released});
  }

  void retain(std::vector<RetainedChange>& retained) {
    const auto slot = static_cast<std::uint32_t>(random_.below(30));
    if (std::any_of(retained.begin(), retained.end(), [&](const auto& each) { return each.slot == slot; })) return;
    const bool gone = random_.one_in(4);
    const MessagePtr kept = gone ? MessagePtr() : message(payload(), "t/" + std::to_string(slot));
    retained.push_back({slot, kept});
    now_.slots.erase(slot);
    if (kept) now_.slots[slot] = kept->payload();
  }

  std::string payload() { return random_.bytes(random_.one_in(20) ? 9'000 : random_.below(300)); }

  void enqueue(Part& part) {
    if (now_.sessions.empty()) return;
    const MessagePtr shared = again() ? waiting_.at(some_row()).message : message(payload());
    for (auto left = random_.between(1, 3); left > 0; --left) {
      const std::uint64_t to = some_session();
      waiting_[++last_row_] = {to, shared};
      now_.deliveries[last_row_] = words(to, {}, shared->payload());
      part.deliveries.push_back(delivery(last_row_, to, shared));
    }
  }

  /// A message of an earlier round, or of this one.
  bool again() { return !waiting_.empty() && random_.one_in(6); }

  std::uint64_t some_row() {
    auto at = waiting_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(std::min<std::uint64_t>(waiting_.size(), 40))));
    return at->first;
  }

  void advance(Part& part) {
    if (waiting_.empty()) return;
    const std::uint64_t row = some_row();
    const auto& waiting = waiting_.at(row);
    const auto stage = static_cast<DeliveryState::Stage>(random_.between(1, 3));
    const DeliveryState state{stage, static_cast<mqtt::PacketId>(row)};
    if (std::any_of(part.changed.begin(), part.changed.end(), [&](const auto& each) { return each.row == row; }))
      return;
    part.changed.push_back({row, state});
    now_.deliveries[row] = words(waiting.session, state, waiting.message->payload());
  }

  void remove(Part& part) {
    if (waiting_.size() < 30) return;
    const std::uint64_t row = some_row();
    part.removed.push_back({row, waiting_.at(row).message});
    forget(row);
  }

  void forget(std::uint64_t row) {
    waiting_.erase(row);
    now_.deliveries.erase(row);
  }

  Random random_;
  Expected now_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_session_ = 0, last_row_ = 0;
};

}  // namespace

TEST_CASE(
    "whenever the power goes, the file has all of every round that was committed, and of the one after all or "
    "nothing") {
  constexpr std::size_t kRounds = 400;
  constexpr std::size_t kCuts = 250;
  FaultyDisk disk;
  disk.record();
  const Folder folder;
  std::vector<Expected> states;
  std::vector<std::size_t> done;  // how many operations there were when it was committed
  std::uint64_t checkpoints = 0;
  {
    const auto database = open(folder / "bramble.db");
    World world(test_seed());
    for (std::size_t round = 0; round <= kRounds; ++round) {
      states.push_back(world.now());
      done.push_back(disk.operations().size());
      world.round(*database);
      const auto before = disk.operations().size();
      database->checkpoint();
      if (disk.operations().size() != before) ++checkpoints;
    }
  }
  CHECK(checkpoints >= 2);
  const std::vector<FaultyDisk::Operation> operations(
      disk.operations().begin(), disk.operations().begin() + static_cast<std::ptrdiff_t>(done.back()));

  const Kept whole = reload(folder / "bramble.db");
  const auto lies_inside = [](const KeptDelivery& each) { return record_of(each.message) == kInDelivery; };
  const auto inside = std::count_if(whole.deliveries.begin(), whole.deliveries.end(), lies_inside);
  CHECK(inside > 10);
  CHECK(static_cast<std::size_t>(inside) + 10 < whole.deliveries.size());

  Random random(test_seed());
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i < kCuts; ++i) cuts.push_back(random.between(done.front(), operations.size()));
  std::sort(cuts.begin(), cuts.end());
  PowerCut power;
  std::size_t passed = 0, torn = 0;
  for (std::size_t cut = 0; cut < kCuts; ++cut) {
    for (; passed < cuts[cut]; ++passed) power.pass(operations[passed]);
    const auto image = power.image(random);
    const std::filesystem::path file = folder / "image.db";
    write(file, image.contains("bramble.db") ? image.at("bramble.db") : "");
    std::filesystem::remove(file.string() + "-wal");
    if (image.contains("bramble.db-wal")) write(file.string() + "-wal", image.at("bramble.db-wal"));
    const auto after = static_cast<std::size_t>(std::upper_bound(done.begin(), done.end(), cuts[cut]) - done.begin());
    const auto found = check_database(file);
    CAPTURE(cut);
    CAPTURE(cuts[cut]);
    REQUIRE(found);
    CHECK(found->empty());
    const Kept kept = reload(file);
    const Expected is = expected_of(kept);
    const bool last = is == states[after - 1];
    const bool in_flight = after < states.size() && is == states[after];
    CHECK((last || in_flight));
    CHECK(kept.loaded.left_out == 0);
    if (!last) ++torn;
  }
  CHECK(torn > 0);
}

}  // namespace bramble::testing
