#include <cmath>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/metrics/counters.h"
#include "broker/metrics/memory_use.h"
#include "broker/metrics/sys_topics.h"

using bramble::Counters;
using bramble::Metric;
using bramble::MetricSums;
using bramble::ReactorId;
using bramble::SteadyTime;
using bramble::SysTopics;
using Told = std::map<std::string, std::string>;

namespace {

constexpr SteadyTime kStart{};

Told update(SysTopics& topics, SteadyTime now, const MetricSums& sums, const bramble::SysFacts& facts = {}) {
  Told told;
  topics.update(now, sums, facts, [&](std::string_view topic, std::string_view value) {
    CHECK(told.emplace(topic, value).second);  // no topic twice
  });
  return told;
}

}  // namespace

TEST_CASE("a metric is the sum of what the reactors counted, though one alone may be below zero") {
  Counters counters(2);
  counters.of(ReactorId{0}).add(Metric::queued_bytes, 100);
  counters.of(ReactorId{1}).subtract(Metric::queued_bytes, 70);
  counters.of(ReactorId{1}).add(Metric::publish_received);
  CHECK(counters.sum(Metric::queued_bytes) == 30);
  CHECK(counters.sums()[Metric::queued_bytes] == 30);
  CHECK(counters.sums()[Metric::publish_received] == 1);
  CHECK(counters.sum(Metric::publish_sent) == 0);
}

TEST_CASE("anyone may read while the reactors count") {
  Counters counters(2);
  std::vector<std::thread> reactors;
  for (std::uint16_t id = 0; id < 2; ++id) {
    reactors.emplace_back([&counters, id] {
      for (int i = 0; i < 10'000; ++i) counters.of(ReactorId{id}).add(Metric::publish_sent);
    });
  }
  std::int64_t last = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t now = counters.sum(Metric::publish_sent);
    CHECK(now >= last);
    last = now;
  }
  for (auto& reactor : reactors) reactor.join();
  CHECK(counters.sum(Metric::publish_sent) == 20'000);
}

TEST_CASE("each reactor's counters are on cache lines of their own") {
  CHECK(alignof(bramble::ReactorCounters) == 64);
  CHECK(sizeof(bramble::ReactorCounters) % 64 == 0);
}

TEST_CASE("metrics have names of their own") {
  std::set<std::string_view> names, topics;
  for (const auto& row : bramble::kMetrics) {
    CHECK(names.insert(row.name).second);
    if (!row.sys_topic.empty()) CHECK(topics.insert(row.sys_topic).second);
    CHECK_FALSE(row.help.empty());
  }
}

TEST_CASE("the first update tells every topic that users of Mosquitto know") {
  SysTopics topics(4, kStart);
  MetricSums sums;
  sums[Metric::clients_connected] = 2;
  sums[Metric::sessions] = 5;
  sums[Metric::dropped_inbox] = 3;
  sums[Metric::dropped_expired] = 4;
  sums[Metric::queued_messages] = 6;
  const Told told =
      update(topics, kStart + bramble::Seconds(123), sums, {.store = {}, .retained_messages = 7, .memory = {8, 9}});
  CHECK(told.at("$SYS/broker/version") == "bramble version " BRAMBLE_VERSION);
  CHECK(told.at("$SYS/broker/uptime") == "123 seconds");
  CHECK(told.at("$SYS/broker/clients/total") == "5");
  CHECK(told.at("$SYS/broker/clients/connected") == "2");
  CHECK(told.at("$SYS/broker/clients/active") == "2");
  CHECK(told.at("$SYS/broker/clients/disconnected") == "3");
  CHECK(told.at("$SYS/broker/clients/inactive") == "3");
  CHECK(told.at("$SYS/broker/clients/maximum") == "2");
  CHECK(told.at("$SYS/broker/publish/messages/dropped") == "7");
  CHECK(told.at("$SYS/broker/messages/stored") == "6");
  CHECK(told.at("$SYS/broker/store/messages/count") == "6");
  CHECK(told.at("$SYS/broker/retained messages/count") == "7");
  CHECK(told.at("$SYS/broker/heap/current") == "8");
  CHECK(told.at("$SYS/broker/heap/maximum") == "9");
  CHECK(told.at("$SYS/broker/reactors") == "4");
  for (const char* const topic :
       {"clients/expired", "messages/received", "messages/sent", "publish/messages/received", "publish/messages/sent",
        "publish/bytes/received", "publish/bytes/sent", "bytes/received", "bytes/sent", "subscriptions/count",
        "shared_subscriptions/count", "store/messages/bytes", "connections/socket/count"}) {
    CAPTURE(topic);
    CHECK(told.contains("$SYS/broker/" + std::string(topic)));
  }
  for (const char* const load : {"messages/received", "messages/sent", "publish/dropped", "publish/received",
                                 "publish/sent", "bytes/received", "bytes/sent", "sockets", "connections"}) {
    for (const char* const period : {"1min", "5min", "15min"}) {
      CAPTURE(load);
      CHECK(told.contains("$SYS/broker/load/" + std::string(load) + "/" + period));
    }
  }
}

TEST_CASE("later updates tell only what changed") {
  SysTopics topics(1, kStart);
  MetricSums sums;
  update(topics, kStart, sums);
  CHECK(update(topics, kStart, sums).empty());
  sums[Metric::subscriptions] = 1;
  CHECK(update(topics, kStart, sums) == Told{{"$SYS/broker/subscriptions/count", "1"}});
}

TEST_CASE("clients/maximum stays at the most there have been") {
  SysTopics topics(1, kStart);
  MetricSums sums;
  sums[Metric::clients_connected] = sums[Metric::sessions] = 9;
  update(topics, kStart, sums);
  sums[Metric::clients_connected] = sums[Metric::sessions] = 1;
  const Told told = update(topics, kStart, sums);
  CHECK(told.at("$SYS/broker/clients/connected") == "1");
  CHECK_FALSE(told.contains("$SYS/broker/clients/maximum"));
}

TEST_CASE("a steady rate is what the averages come to, the short one first") {
  SysTopics topics(1, kStart);
  MetricSums sums;
  Told all;
  for (int second = 10; second <= 600; second += 10) {  // ten minutes at 2 a second
    sums[Metric::publish_received] += 20;
    for (auto& [topic, value] : update(topics, kStart + bramble::Seconds(second), sums)) all[topic] = value;
  }
  const auto load = [&](const std::string& period) {
    return std::stod(all.at("$SYS/broker/load/publish/received/" + period));
  };
  CHECK(load("1min") == doctest::Approx(120).epsilon(0.001));
  CHECK(load("5min") == doctest::Approx(120 * (1 - std::exp(-2.0))).epsilon(0.001));
  CHECK(load("15min") == doctest::Approx(120 * (1 - std::exp(-2.0 / 3))).epsilon(0.001));
}

TEST_CASE("the process uses some memory, and never more than its maximum") {
  const auto use = bramble::memory_use();
  CHECK(use.current > 0);
  CHECK(use.maximum >= use.current);
}
