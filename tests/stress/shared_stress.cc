#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/client.h"

// $share groups whose members are on every reactor, and whose publishers are too.
namespace bramble::testing {
namespace {

const std::string kTopic = "jobs/new";
const std::string kShared = "$share/workers/jobs/+";
constexpr std::size_t kMembers = 12;
constexpr std::size_t kUnackedMax = 16;
constexpr std::size_t kOnTheirWay = 64;

/// Who got which message how often.
class Group {
 public:
  Group(Swarm& swarm, unsigned qos) : swarm_(swarm), qos_(qos), publishers_(swarm.open_many(4, "publisher")) {
    for (Peer* member : swarm.open_many(kMembers, "member")) join(*member);
    swarm.settle();
  }

  void join(Peer& member) {
    member.on_message = [this](Peer& by, const mqtt::Publish& message) {
      ++by_member_[&by];
      ++times_[number_at(message.payload, 0)];
    };
    member.subscribe(kShared, qos_);
    members_.push_back(&member);
  }
  void publish(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Peer& publisher = *publishers_[i % publishers_.size()];
      // so few on their way that there is always a member with room
      swarm_.until([&] { return publisher.unacked() < kUnackedMax && published_ - times_.size() < kOnTheirWay; });
      publisher.publish(kTopic, numbers({++published_}), qos_);
    }
  }
  /// Without waiting for anybody.
  void publish_freely(std::size_t count, std::size_t payload_bytes) {
    for (std::size_t i = 0; i < count; ++i) {
      publishers_[i % publishers_.size()]->publish(kTopic, numbers({++published_}) + std::string(payload_bytes, 'x'),
                                                   qos_);
    }
  }
  /// A few at a time, whether they come or not: for members that do not read.
  void pour(std::size_t count, std::size_t payload_bytes) {
    const std::string payload(payload_bytes, 'x');
    for (std::size_t i = 0; i < count; ++i) {
      publishers_[i % publishers_.size()]->publish(kTopic, payload, qos_);
      if (i % 8 == 7) REQUIRE(swarm_.settle());
    }
  }
  bool arrive(std::size_t count) {
    return swarm_.until([&] { return times_.size() >= count; });
  }
  /// How many messages came this often.
  std::size_t came(std::size_t often) const {
    return static_cast<std::size_t>(
        std::count_if(times_.begin(), times_.end(), [often](const auto& it) { return it.second == often; }));
  }
  std::size_t got(const Peer* member) const {
    const auto found = by_member_.find(member);
    return found == by_member_.end() ? 0 : found->second;
  }
  void forget_counts() {
    by_member_.clear();
    times_.clear();
    published_ = 0;
  }
  const std::vector<Peer*>& members() const { return members_; }
  void leave(std::size_t which) {
    swarm_.forget(*members_[which]);
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(which));
  }
  std::uint32_t published() const { return published_; }

 private:
  Swarm& swarm_;
  const unsigned qos_;
  std::vector<Peer*> publishers_;
  std::vector<Peer*> members_;
  std::map<const Peer*, std::size_t> by_member_;
  std::map<std::uint32_t, std::size_t> times_;
  std::uint32_t published_ = 0;
};

}  // namespace

TEST_CASE("[MQTT-4.8.2-1] a shared message reaches exactly one member, on whatever reactor, and each gets its share") {
  const Broker broker("threads 4\nmax_queued_messages 0");
  const std::size_t messages = short_run() ? 1200 : 4800;
  for (const unsigned qos : {0u, 1u, 2u}) {
    CAPTURE(qos);
    Swarm swarm(broker);
    Group group(swarm, qos);
    group.publish(messages);
    CHECK(group.arrive(messages));
    REQUIRE(swarm.settle());
    CHECK(group.came(1) == messages);
    for (const Peer* member : group.members()) {
      CHECK(group.got(member) > messages / kMembers / 3);
      CHECK(group.got(member) < messages / kMembers * 3);
    }
  }
}

TEST_CASE("members that do not acknowledge are passed over, and what they hold goes to others when they leave") {
  const Broker broker("threads 4\nmax_queued_messages 0");
  Swarm swarm(broker);
  Group group(swarm, 1);
  const std::size_t lazy = 4;
  for (std::size_t i = 0; i < lazy; ++i) group.members()[i]->acknowledges = false;
  const std::size_t messages = short_run() ? 800 : 2000;
  group.publish(messages);
  CHECK(group.arrive(messages));
  for (std::size_t i = 0; i < lazy; ++i) CHECK(group.got(group.members()[i]) == 20);  // max_inflight_messages
  // at the end of a session its messages are picked for again: every one of them comes a second time
  for (std::size_t i = 0; i < lazy; ++i) group.leave(0);
  CHECK(swarm.until([&] { return group.came(2) == lazy * 20; }));
  REQUIRE(swarm.settle());
  CHECK(group.came(1) == messages - lazy * 20);
}

TEST_CASE("members come and go while messages are shared: each message is acknowledged by somebody") {
  const Broker broker("threads 4\nmax_queued_messages 0\nlog_type error");
  Swarm swarm(broker);
  Group group(swarm, 1);
  const std::size_t rounds = short_run() ? 30 : 100;
  for (std::size_t round = 0; round < rounds; ++round) {
    group.publish(40);
    if (round % 3 == 0) group.members()[round % group.members().size()]->acknowledges = false;
    group.leave(round % group.members().size());
    Peer& next = swarm.open({.version = round % 2 == 0 ? Version::v5 : Version::v3_1_1});
    group.join(next);
    swarm.turn(0);
  }
  for (std::size_t i = group.members().size(); i > 0; --i) {
    if (!group.members()[i - 1]->acknowledges) group.leave(i - 1);
  }
  CHECK(group.arrive(group.published()));
  REQUIRE(swarm.settle());
  CHECK(group.came(0) == 0);
}

TEST_CASE("members that stop reading are passed over at QoS 0 once their output is full") {
  const Broker broker("threads 4\nmax_output_bytes 16384\nlog_type error");
  Swarm swarm(broker);
  Group group(swarm, 0);
  Peer& stuck = swarm.open({.client_id = "stuck"}, 4096);
  REQUIRE(swarm.until([&] { return stuck.connected(); }));
  group.join(stuck);
  REQUIRE(swarm.settle());
  stuck.read(false);
  // The kernel takes some megabytes for it before its output can fill.
  for (int batch = 0; batch < 1500; ++batch) {
    group.publish_freely(10, 10'000);
    swarm.turn(1);
  }
  REQUIRE(swarm.settle());
  group.forget_counts();
  for (std::size_t batch = 1; batch <= 10; ++batch) {
    group.publish_freely(50, 100);
    CHECK(group.arrive(50 * batch));
  }
  CHECK(group.got(&stuck) == 0);
}

TEST_CASE("when all members of a shared subscription are away, their sessions queue its messages, each once") {
  const Broker broker("threads 4\nmax_queued_messages 0\nsys_interval 1");
  Swarm swarm(broker);
  SysWatch connected(swarm, "clients/connected");
  std::vector<Peer*> members;
  for (int i = 0; i < 8; ++i) {
    members.push_back(&swarm.open(persistent(i % 2 == 0 ? Version::v5 : Version::v3_1_1, "away" + std::to_string(i))));
    REQUIRE(swarm.until([&] { return members.back()->connected(); }));
    members.back()->subscribe(kShared, 1);
  }
  REQUIRE(swarm.settle());
  for (Peer* member : members) member->disconnect();
  REQUIRE(connected.until([](double value) { return value == 1; }));
  Peer& publisher = swarm.open();
  for (std::uint32_t number = 1; number <= 400; ++number) {
    REQUIRE(swarm.until([&] { return publisher.unacked() < kUnackedMax; }));
    publisher.publish(kTopic, numbers({number}), 1);
  }
  REQUIRE(swarm.until([&] { return publisher.unacked() == 0; }));
  std::map<std::uint32_t, int> times;
  std::vector<std::size_t> shares;
  for (int i = 0; i < 8; ++i) {
    Peer& back = swarm.open(persistent(i % 2 == 0 ? Version::v5 : Version::v3_1_1, "away" + std::to_string(i)));
    back.on_message = [&](Peer&, const mqtt::Publish& message) { ++times[number_at(message.payload, 0)]; };
    REQUIRE(swarm.until([&] { return back.connected(); }));
    REQUIRE(swarm.settle());
    shares.push_back(back.received());
  }
  CHECK(swarm.until([&] { return times.size() == 400; }));
  REQUIRE(swarm.settle());
  CHECK(std::all_of(times.begin(), times.end(), [](const auto& it) { return it.second == 1; }));
  CHECK(std::all_of(shares.begin(), shares.end(), [](std::size_t share) { return share > 10; }));
}

}  // namespace bramble::testing
