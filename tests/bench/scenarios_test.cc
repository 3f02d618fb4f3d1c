#include <doctest/doctest.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/play.h"
#include "tests/bench/proxy.h"
#include "tests/support/client.h"

// The scenarios against the real broker, and what they find behind a proxy that does not deliver as it should.

using namespace bramble::bench;
using bramble::mqtt::Qos;
using bramble::mqtt::Version;
using bramble::testing::Broker;
using bramble::testing::Client;
using bramble::testing::play;
using bramble::testing::Proxy;
using bramble::testing::shared_broker;
using bramble::testing::unique_name;

namespace {

using Texts = std::vector<std::string>;

constexpr auto kVersion = Version::v3_1_1;

Options at(std::uint16_t port) {
  Options options;
  options.port = port;
  options.client_id = unique_name("bench");
  options.topic = unique_name("topic");
  options.quiet = true;
  return options;
}

/// Small enough for three subscribers with two filters each.
Options small_field(std::uint16_t port) {
  Options options = at(port);
  options.publishers = 1;
  options.subscribers = 3;
  options.filters = 6;
  options.count = 3'000;
  return options;
}

}  // namespace

TEST_CASE("wildcard delivers every message to each of its filters, once and in order") {
  Options options = at(shared_broker().port());
  options.filters = 600;
  options.exact_filters = 50;
  options.count = 20'000;
  options.broker_pid = shared_broker().pid();
  for (const unsigned threads : {1u, 2u}) {
    options.threads = threads;
    const Report report = play(run_wildcard, options);
    CHECK(report.faults() == Texts{});
    CHECK(report.notes() == Texts{});
  }
}

TEST_CASE("wildcard behind a proxy that drops, doubles and swaps reports exactly that") {
  std::string held_back;
  // Device 0 has one filter, so that each message to it comes once.
  const Proxy proxy(shared_broker().port(), kVersion,
                    [&held_back](const Stamp& stamp, std::string_view packet, std::string& to_subscriber) {
                      if (stamp.stream == 0 && stamp.sequence == 10) return;
                      if (stamp.stream == 0 && stamp.sequence == 20) {
                        held_back = packet;
                        return;
                      }
                      to_subscriber += packet;
                      if (stamp.stream == 0 && stamp.sequence == 21) to_subscriber += held_back;
                      if (stamp.stream == 2 && stamp.sequence == 5) to_subscriber += packet;  // it has three filters
                    });
  const Report report = play(run_wildcard, small_field(proxy.port()));
  CHECK(report.faults() == Texts{"1 messages lost", "3 messages delivered more than once", "1 messages out of order"});
}

TEST_CASE("wildcard needs three subscribers, so that nobody has two filters for one message") {
  Options options = small_field(shared_broker().port());
  options.subscribers = 2;
  CHECK(play(run_wildcard, options).faults() == Texts{"wildcard needs --subs 3 or more"});
}

TEST_CASE("retained receives each message once, and leaves none behind") {
  Options options = at(shared_broker().port());
  options.count = 2'000;
  for (const auto qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
    options.qos = qos;
    const Report report = play(run_retained, options);
    CHECK(report.faults() == Texts{});
    CHECK(report.notes() == Texts{});
    Client later(shared_broker());
    later.subscribe(options.topic + "/#");
    CHECK(later.drain().empty());
  }
}

TEST_CASE("retained counts what came twice and what came without RETAIN") {
  const Proxy proxy(shared_broker().port(), kVersion,
                    [](const Stamp& stamp, std::string_view packet, std::string& to_subscriber) {
                      std::string changed(packet);
                      if (stamp.sequence == 7) changed[0] = static_cast<char>(changed[0] & ~1);
                      to_subscriber += changed;
                      if (stamp.sequence % 1'000 == 500) to_subscriber += changed;
                    });
  Options options = at(proxy.port());
  options.count = 2'000;
  options.qos = Qos::at_least_once;
  options.subscription_qos = Qos::at_most_once;
  CHECK(play(run_retained, options).faults() ==
        Texts{"2 messages delivered more than once", "1 retained messages came without RETAIN"});
}

TEST_CASE("offline gets back all that was queued, in order, and leaves no session") {
  const Broker broker("max_queued_messages 0");
  Options options = at(broker.port());
  options.count = 3'000;
  for (const auto version : {Version::v3_1_1, Version::v5}) {
    options.version = version;
    const Report report = play(run_offline, options);
    CHECK(report.faults() == Texts{});
    CHECK(report.notes() == Texts{});
  }
  Client same(broker, bramble::testing::persistent(kVersion, options.client_id + "-s0"));
  CHECK_FALSE(same.connack().session_present);
}

TEST_CASE("offline tells how many messages a broker with a limited queue has lost") {
  const Broker broker("max_queued_messages 100\nmax_inflight_messages 20");
  Options options = at(broker.port());
  options.count = 500;
  const Report report = play(run_offline, options);
  REQUIRE(report.faults().size() == 1);
  CHECK(report.faults()[0].ends_with("messages lost"));
}

TEST_CASE("offline sees what was doubled or swapped on the way back") {
  const Broker broker("max_queued_messages 0");
  std::string held_back;
  const Proxy proxy(broker.port(), kVersion,
                    [&held_back](const Stamp& stamp, std::string_view packet, std::string& to_subscriber) {
                      if (stamp.sequence == 10) {
                        held_back = packet;
                        return;
                      }
                      to_subscriber += packet;
                      if (stamp.sequence == 11) to_subscriber += held_back;
                      if (stamp.sequence == 5) to_subscriber += packet;
                    });
  Options options = at(proxy.port());
  options.count = 200;
  CHECK(play(run_offline, options).faults() == Texts{"1 messages delivered more than once", "1 messages out of order"});
}

TEST_CASE("offline refuses QoS 0, at which nothing is kept") {
  Options options = at(shared_broker().port());
  REQUIRE(parse_options({"--qos", "0"}, options) == "");
  CHECK(play(run_offline, options).faults() ==
        Texts{"offline needs --qos and --sub-qos 1 or 2: at QoS 0 nothing is kept for who is away"});
}

TEST_CASE("churn connects, subscribes and disconnects as often as it was told to") {
  Options options = at(shared_broker().port());
  options.clients = 10;
  options.filters = 2;
  options.count = 500;
  for (const double rate : {0.0, 5'000.0}) {
    options.rate = rate;
    options.threads = rate > 0 ? 2 : 1;
    const Report report = play(run_churn, options);
    CHECK(report.faults() == Texts{});
    CHECK(report.notes() == Texts{});
  }
}

TEST_CASE("churn against nobody ends, and says why") {
  std::uint16_t port = 0;
  {
    const Proxy gone(shared_broker().port(), kVersion, [](const Stamp&, std::string_view, std::string&) {});
    port = gone.port();
  }
  Options options = at(port);
  options.clients = 3;
  const Report report = play(run_churn, options);
  REQUIRE(report.faults().size() == 1);
  CHECK(report.faults()[0].starts_with("3 clients failed and stayed away"));
  CHECK(report.faults()[0].ends_with("Connection refused"));
}

TEST_CASE("storm cuts its clients, whose Wills are published, and has them back with their subscriptions") {
  const Broker broker;
  Options options = at(broker.port());
  options.clients = 50;
  options.filters = 3;
  options.publishers = 2;
  options.threads = 2;
  options.warm_up = std::chrono::duration<double>(0);
  options.duration = std::chrono::milliseconds(100);
  options.will_topic = options.topic + "-wills/%c";
  options.will_payload = "gone";
  options.will_retain = true;
  options.broker_pid = broker.pid();
  const Report report = play(run_storm, options);
  CHECK(report.faults() == Texts{});
  CHECK(report.notes() == Texts{});

  Client later(broker);
  later.subscribe(options.topic + "-wills/+");
  std::set<std::string> topics;
  for (const auto& will : later.drain()) topics.insert(will.topic);
  CHECK(topics.size() == 50);
  CHECK(topics.contains(options.topic + "-wills/" + options.client_id + "-c0"));
}

TEST_CASE("storm: kept sessions come back without subscribing again") {
  const Broker broker;
  Options options = at(broker.port());
  options.clients = 5;
  options.publishers = 1;
  options.clean_start = false;
  options.warm_up = std::chrono::duration<double>(0);
  options.duration = std::chrono::milliseconds(100);
  CHECK(play(run_storm, options).faults() == Texts{});
  Client one(broker, bramble::testing::persistent(kVersion, options.client_id + "-c0"));
  CHECK(one.connack().session_present);
}

TEST_CASE("each flow scenario takes a template for topics and client ids") {
  Options options = at(shared_broker().port());
  options.client_id = options.client_id + "-%i";
  options.topic = options.topic + "/%c/%i";
  options.publishers = 4;
  options.subscribers = 2;
  options.count = 400;
  for (const auto scenario : {run_pairs, run_fanin, run_fanout, run_shared}) {
    const Report report = play(scenario, options);
    CHECK(report.faults() == Texts{});
    CHECK(report.notes() == Texts{});
  }
}

TEST_CASE("a payload from a file goes out as it is behind the header, or without it") {
  Options options = at(shared_broker().port());
  options.contents = "{\"t\": 21.5}";
  options.publishers = 1;
  options.count = 1;
  options.retain = true;
  options.payload_bytes = 24 + 11;
  CHECK(play(run_pub, options).faults() == Texts{});
  Client later(shared_broker());
  later.subscribe(options.topic + "/#");
  CHECK(later.receive().payload.substr(24) == *options.contents);

  options.topic = unique_name("topic");
  options.header = false;
  options.payload_bytes = 11;
  CHECK(play(run_pub, options).faults() == Texts{});
  later.subscribe(options.topic + "/#");
  CHECK(later.receive().payload == *options.contents);
}
