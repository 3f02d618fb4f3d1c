#include "broker/metrics/sys_topics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace bramble {

namespace {

template <Metric metric>
std::int64_t counted(const MetricSums& sums) {
  return sums[metric];
}

std::int64_t dropped(const MetricSums& sums) {
  return sums[Metric::dropped_qos0_output] + sums[Metric::dropped_queue_full] + sums[Metric::dropped_inbox] +
         sums[Metric::dropped_too_large] + sums[Metric::dropped_expired];
}

// What $SYS/broker/load/... is about: how much of it a minute brings.
struct LoadRow {
  std::string_view topic;
  std::int64_t (*counted)(const MetricSums&);
};
constexpr LoadRow kLoads[] = {
    {"messages/received", counted<Metric::messages_received>},
    {"messages/sent", counted<Metric::messages_sent>},
    {"publish/dropped", dropped},
    {"publish/received", counted<Metric::publish_received>},
    {"publish/sent", counted<Metric::publish_sent>},
    {"bytes/received", counted<Metric::bytes_received>},
    {"bytes/sent", counted<Metric::bytes_sent>},
    {"sockets", counted<Metric::sockets_opened>},
    {"connections", counted<Metric::connections>},
};

struct Period {
  std::string_view name;
  double minutes;
};
constexpr Period kPeriods[] = {{"1min", 1.0}, {"5min", 5.0}, {"15min", 15.0}};

}  // namespace

SysTopics::SysTopics(unsigned reactors, SteadyTime started)
    : reactors_(reactors), started_(started), updated_(started), loads_(std::size(kLoads)) {}

void SysTopics::update(SteadyTime now, const MetricSums& sums, const SysFacts& facts, const Publish& publish) {
  const auto tell_number = [&](std::string_view topic, auto number) { tell(topic, std::to_string(number), publish); };
  tell("version", "bramble version " BRAMBLE_VERSION, publish);
  const auto uptime = std::chrono::duration_cast<Seconds>(now - started_).count();
  tell("uptime", std::to_string(uptime) + " seconds", publish);
  for (const MetricRow& row : kMetrics) {
    if (!row.sys_topic.empty()) tell_number(row.sys_topic, sums[row.metric]);
  }
  tell_number("publish/messages/dropped", dropped(sums));
  tell_number("messages/stored", sums[Metric::queued_messages]);
  tell_number("retained messages/count", facts.retained_messages);
  tell_number("heap/current", facts.memory.current);
  tell_number("heap/maximum", facts.memory.maximum);
  tell_number("reactors", reactors_);
  if (facts.store) {
    tell_store(*facts.store, publish);
  } else {
    tell("store/durability", "none", publish);
  }
  tell_clients(sums, publish);
  tell_loads(now, sums, publish);
  updated_ = now;
}

void SysTopics::tell_store(const StoreFacts& store, const Publish& publish) {
  const auto tell_number = [&](std::string_view topic, auto number) { tell(topic, std::to_string(number), publish); };
  tell("store/durability", std::string(store.durability), publish);
  tell("store/loss_window", std::to_string(store.loss_window_s) + " seconds", publish);
  tell("store/state", store.failing ? "failing" : "well", publish);
  tell_number("store/commits", store.commits);
  tell_number("store/records/written", store.records);
  tell_number("store/bytes/written", store.bytes_written);
  tell_number("store/bytes/written/per_record", store.records == 0 ? 0 : store.bytes_written / store.records);
  tell_number("store/file/bytes", store.file_bytes);
  const double milliseconds = std::chrono::duration<double, std::milli>(store.commit_time).count();
  tell("store/commit/milliseconds", fmt::format("{:.1f}", milliseconds), publish);
}

void SysTopics::tell_clients(const MetricSums& sums, const Publish& publish) {
  const std::int64_t connected = sums[Metric::clients_connected];
  const std::int64_t absent = std::max<std::int64_t>(0, sums[Metric::sessions] - connected);
  clients_maximum_ = std::max(clients_maximum_, connected);
  tell("clients/maximum", std::to_string(clients_maximum_), publish);
  tell("clients/disconnected", std::to_string(absent), publish);
  tell("clients/active", std::to_string(connected), publish);  // older names of connected and disconnected
  tell("clients/inactive", std::to_string(absent), publish);
}

// Averages that forget: a period's share of the old value stays, the rest is what the time since then brought, as a
// rate a minute. As the load averages of Unix.
void SysTopics::tell_loads(SteadyTime now, const MetricSums& sums, const Publish& publish) {
  const double minutes = std::chrono::duration<double, std::ratio<60>>(now - updated_).count();
  for (std::size_t i = 0; i < std::size(kLoads); ++i) {
    const std::int64_t total = kLoads[i].counted(sums);
    const double rate = minutes > 0 ? static_cast<double>(total - loads_[i].counted) / minutes : 0;
    loads_[i].counted = total;
    for (std::size_t p = 0; p < std::size(kPeriods); ++p) {
      double& average = loads_[i].per_minute[p];
      average = rate + std::exp(-minutes / kPeriods[p].minutes) * (average - rate);
      tell(fmt::format("load/{}/{}", kLoads[i].topic, kPeriods[p].name), fmt::format("{:.2f}", average), publish);
    }
  }
}

void SysTopics::tell(std::string_view topic, std::string value, const Publish& publish) {
  const auto [told, first] = told_.try_emplace(std::string(topic));
  if (!first && told->second == value) return;
  told->second = std::move(value);
  publish("$SYS/broker/" + told->first, told->second);
}

}  // namespace bramble
