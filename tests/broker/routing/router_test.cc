#include "broker/routing/router.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "broker/session/sessions.h"
#include "tests/broker/reactor/turns.h"
#include "tests/core/topic/table_random.h"

namespace bramble {
namespace {

using mqtt::Qos;
using Texts = std::vector<std::string>;

/// A connection that notes the payloads it is given.
class Notes final : public PacketSink {
 public:
  Sent send_publish(Publication& publication, mqtt::PublishHeader) override {
    sent.emplace_back(publication.content().payload);
    return Sent::yes;
  }
  void send_pubrel(mqtt::PacketId) override {}
  bool has_room() const override { return true; }
  bool may_get(Publication&) override { return true; }
  bool make_room() override { return true; }

  Texts sent;
};

/// What a shard has, on the first of two reactors.
class Scene {
 public:
  void run(std::vector<testing::Turns::Step> steps) { turns_.run(std::move(steps)); }
  OwnedSession& client(const OnReactor& here, const std::string& id, Notes& notes, std::uint16_t receive_maximum = 1) {
    directory_.claim(id, here.id());
    OwnedSession& session = sessions.create(here, id);
    sessions.present(here, session, notes, receive_maximum, here.reactor().turn_buffer(here));
    return session;
  }
  void subscribe(const OnReactor& here, OwnedSession& session, const std::string& filter, Qos qos) {
    Subscriber subscriber;
    subscriber.recipient = &session;
    subscriber.qos = qos;
    sessions.subscribe(here, session, filter_of(filter), subscriber);
  }
  void publish(const OnReactor& here, const std::string& topic, const std::string& payload,
               Qos qos = Qos::at_most_once) {
    publish(here, topic, payload, facts(here, qos));
  }
  void publish_expired(const OnReactor& here, const std::string& topic) {
    publish(here, topic, "expired", {Qos::at_least_once, false, 1, here.now() - Seconds(2), PublisherId{}});
  }
  /// As if another reactor had handed it off.
  void receive(const OnReactor& here, const std::string& topic, const std::string& payload) {
    Matches matches;
    table_.match(topic_of(topic), matches);
    auto handoff = std::make_unique<Handoff>();
    std::vector<FilterId> filters;
    for (const Filter* filter : matches) filters.push_back(filter->id());
    handoff->add(filters).message = MessagePtr::make({topic, {}, payload}, facts(here, Qos::at_most_once));
    router.receive(here, std::move(handoff));
  }
  static void leave_budget(const OnReactor& here, int deliveries) {
    here.reactor().spend(here, static_cast<int>(here.reactor().budget(here)) - deliveries);
  }

 private:
  void publish(const OnReactor& here, const std::string& topic, const std::string& payload,
               const ApplicationMessage::Facts& facts) {
    Publication publication({topic, {}, payload}, facts, here.now(), here.reactor().turn_buffer(here));
    router.publish(here, publication);
  }
  static ApplicationMessage::Facts facts(const OnReactor& here, Qos qos) {
    return {qos, false, mqtt::kNoExpiry, here.now(), PublisherId{}};
  }

  testing::Turns turns_;
  SubscriptionTable table_{turns_.quiescence, 2, 1};
  RetainedMessages retained_{turns_.quiescence, 1};
  SessionDirectory directory_{1};
  ShardSubscribers subscribers_;

 public:
  DeliveryRules rules;
  Ledger ledger_;
  Sessions sessions{directory_, table_, subscribers_, rules, ledger_};
  Router router{turns_.mesh, table_, subscribers_, retained_, ledger_};
};

TEST_CASE("a backlog that grows while it is worked off delivers each message once, and in order") {
  Scene scene;
  Notes member_notes;
  Notes plain_notes;
  OwnedSession* member = nullptr;
  scene.run({
      [&](const OnReactor& here) {
        member = &scene.client(here, "member", member_notes);
        scene.subscribe(here, *member, "$share/group/shared", Qos::at_least_once);
        scene.subscribe(here, scene.client(here, "plain", plain_notes), "plain", Qos::at_most_once);
        scene.publish(here, "shared", "fills the window", Qos::at_least_once);
        Scene::leave_budget(here, 0);
        scene.publish(here, "plain", "1");
        scene.publish(here, "shared", "waits", Qos::at_least_once);
        scene.publish(here, "plain", "2");
        scene.receive(here, "plain", "3");
        scene.publish(here, "plain", "4");
        scene.receive(here, "plain", "5");  // the fourth that waits: as many as the backlog has places for
      },
      [&](const OnReactor& here) {
        Scene::leave_budget(here, 3);  // as much as "1" and "waits" take; the latter joins the backlog anew
        CHECK(scene.router.work_off(here));
        CHECK(plain_notes.sent == Texts{"1"});
      },
      [&](const OnReactor& here) {
        CHECK_FALSE(scene.router.work_off(here));
        for (mqtt::PacketId id = 1; id < 4; ++id)
          CHECK(member->on_puback(here, id, here.reactor().turn_buffer(here)).has_value());
      },
  });
  CHECK(plain_notes.sent == Texts{"1", "2", "3", "4", "5"});
  CHECK(member_notes.sent == Texts{"fills the window", "waits"});
}

TEST_CASE("a message that one client gets by thousands of filters does not hold a turn beyond its deliveries") {
  constexpr std::size_t kFilters =
      11 * Reactor::kDeliveriesPerTurn / 10;  // two turns, of which visiting them takes a part
  constexpr std::size_t kOneTurn = Reactor::kDeliveriesPerTurn;
  Scene scene;
  Notes notes;
  const auto subscribe = [&](const OnReactor& here) {
    OwnedSession& session = scene.client(here, "client", notes);
    for (std::size_t i = 0; i < kFilters; ++i) {
      std::string filter = "a";  // a level of 'a' or '+' for each bit of i
      for (std::size_t bit = 1; bit < kFilters; bit <<= 1) filter += (i & bit) != 0 ? "/+" : "/a";
      scene.subscribe(here, session, filter, Qos::at_most_once);
    }
  };
  std::string topic = "a";
  for (std::size_t bit = 1; bit < kFilters; bit <<= 1) topic += "/a";
  const auto work_off = [&](const OnReactor& here) { CHECK_FALSE(scene.router.work_off(here)); };

  SUBCASE("from a client of its reactor") {
    scene.run({subscribe,
               [&](const OnReactor& here) {
                 scene.publish(here, topic, "x");
                 CHECK(scene.router.backlogged());
                 CHECK(notes.sent.size() <= kOneTurn);
               },
               work_off});
  }
  SUBCASE("from another reactor") {
    scene.run({subscribe,
               [&](const OnReactor& here) {
                 scene.receive(here, topic, "x");
                 CHECK(scene.router.backlogged());
                 CHECK(notes.sent.size() <= kOneTurn);
               },
               work_off});
  }
  CHECK(notes.sent.size() == kFilters);
}

TEST_CASE("[MQTT-3.3.2-5] a shared message is not lost to queues that are full of what has expired") {
  Scene scene;
  Notes notes;
  scene.rules.limits.queued_messages = 2;
  SUBCASE("of a member that is there and does not acknowledge") {
    scene.run({[&](const OnReactor& here) {
      OwnedSession& member = scene.client(here, "member", notes);
      scene.subscribe(here, member, "$share/group/shared", Qos::at_least_once);
      scene.publish(here, "shared", "fills the window", Qos::at_least_once);
      for (int i = 0; i < 2; ++i) scene.publish_expired(here, "shared");
      scene.publish(here, "shared", "new", Qos::at_least_once);
      CHECK(member.on_puback(here, 1, here.reactor().turn_buffer(here)).has_value());
    }});
    CHECK(notes.sent == Texts{"fills the window", "new"});
  }
  SUBCASE("of a member that is away") {
    scene.run({[&](const OnReactor& here) {
      OwnedSession& member = scene.client(here, "member", notes);
      member.expiry_seconds = 60;
      scene.subscribe(here, member, "$share/group/shared", Qos::at_least_once);
      scene.sessions.absent(here, member, Seconds(0));
      for (int i = 0; i < 2; ++i) scene.publish_expired(here, "shared");
      scene.publish(here, "shared", "new", Qos::at_least_once);
      scene.sessions.present(here, member, notes, 1, here.reactor().turn_buffer(here));
    }});
    CHECK(notes.sent == Texts{"new"});
  }
}

TEST_CASE("with upgrade_outgoing_qos a shared QoS 0 message passes over a member that has no room at its own QoS") {
  Scene scene;
  Notes full;
  Notes free;
  scene.rules.upgrade_outgoing_qos = true;
  scene.rules.limits.queued_messages = 1;
  scene.run({[&](const OnReactor& here) {
    scene.subscribe(here, scene.client(here, "full", full), "$share/group/shared", Qos::at_least_once);
    for (const char* payload : {"in flight", "queued"}) scene.publish(here, "shared", payload);
    scene.subscribe(here, scene.client(here, "free", free, 10), "$share/group/shared", Qos::at_least_once);
    for (const char* payload : {"1", "2", "3", "4"}) scene.publish(here, "shared", payload);
  }});
  CHECK(full.sent == Texts{"in flight"});
  CHECK(free.sent == Texts{"1", "2", "3", "4"});
}

}  // namespace
}  // namespace bramble
