#include "tools/bench/publisher.h"

#include <algorithm>
#include <limits>

namespace bramble::bench {

namespace {

constexpr std::uint32_t kWindow = 64;
/// Messages between two writes of a publisher that is behind its schedule.
constexpr int kOwedPerWrite = 256;
constexpr std::uint16_t kAlias = 1;

/// This publisher's part of --count.
std::uint64_t quota_of(const FlowState& state, std::uint32_t index) {
  const std::uint64_t count = state.options.count, publishers = state.credits.size();
  if (count == 0) return std::numeric_limits<std::uint64_t>::max();
  return count / publishers + (index < count % publishers ? 1 : 0);
}

}  // namespace

Publisher::Publisher(Lane& lane, PublisherPlan plan, std::uint32_t index, LoadClient::Settings settings)
    : lane_(lane),
      plan_(std::move(plan)),
      index_(index),
      window_(lane.state.options.window.value_or(kWindow)),
      quota_(quota_of(lane.state, index)),
      client_(std::move(settings), *this),
      random_(index + 1) {
  if (lane.state.field) sent_to_device_.resize(lane.state.field->devices() / lane.state.credits.size());
}

std::uint64_t Publisher::outstanding_deliveries() {
  const std::uint64_t expected = expected_;
  const std::uint64_t delivered = lane_.state.credits[index_].delivered.load(std::memory_order_relaxed);
  if (const auto times = lane_.state.forgiven.load(std::memory_order_relaxed); times != forgiven_times_) {
    forgiven_times_ = times;
    forgiven_ = expected - std::min(expected, delivered);
  }
  return expected - std::min(expected, delivered + forgiven_);
}

std::uint64_t Publisher::room() {
  std::uint64_t room = quota_ - std::min(quota_, sent_);
  if (plan_.deliveries > 0) {
    const std::uint64_t limit = window_ * plan_.deliveries;
    room = std::min(room, (limit - std::min(limit, outstanding_deliveries())) / plan_.deliveries);
  }
  if (lane_.state.options.qos != mqtt::Qos::at_most_once) {
    room = std::min<std::uint64_t>(room, window_ - std::min<std::uint64_t>(window_, client_.unacknowledged()));
    room = std::min<std::uint64_t>(room, client_.credit());
  }
  return room;
}

bool Publisher::send_batch(SteadyTime now) {
  if (!client_.ready() || client_.blocked() || done()) return false;
  const std::uint64_t available = room();
  std::uint64_t batch = std::min({std::uint64_t{lane_.state.options.batch}, window_, quota_ - sent_});
  if (lane_.state.options.qos != mqtt::Qos::at_most_once) {
    batch = std::min<std::uint64_t>(batch, client_.receive_maximum());
  }
  if (available < batch) return false;
  for (std::uint64_t i = 0; i < batch; ++i) send_one(now);
  client_.flush();
  return available >= 2 * batch;
}

void Publisher::schedule(SteadyTime first, SteadyTime::duration every) {
  first_due_ = first;
  every_ = every;
}

bool Publisher::send_owed(SteadyTime now) {
  while (overdue() > 0 && !done()) {
    if (!client_.ready()) return true;  // it ended, which is told elsewhere: nothing to come back for
    if (client_.blocked()) return false;
    const bool needs_credit = lane_.state.options.qos != mqtt::Qos::at_most_once;
    if (needs_credit && client_.credit() == 0) return false;
    for (int i = 0; i < kOwedPerWrite && overdue() > 0 && !done(); ++i) {
      if (needs_credit && client_.credit() == 0) break;
      const SteadyTime due = first_due_ + every_ * static_cast<SteadyTime::rep>(sent_);
      if (now - due > Lane::kLate && lane_.state.measures(due)) lane_.late.add(1);
      send_one(due);
    }
    client_.flush();
  }
  return true;
}

Publisher::Message Publisher::next_of_field() {
  const DeviceField& field = *lane_.state.field;
  const std::size_t place = random_() % sent_to_device_.size();
  const auto device = static_cast<std::uint32_t>(index_ + place * lane_.state.credits.size());
  return {device, sent_to_device_[place]++, field.topic(device), DeviceField::filters_of(device)};
}

void Publisher::send_one(SteadyTime intended) {
  const bool stamped = lane_.state.stamped;
  std::uint32_t deliveries = plan_.deliveries;
  mqtt::PacketId id = 0;
  if (lane_.state.field) {
    const Message message = next_of_field();
    deliveries = message.deliveries;
    if (stamped) stamp(message.stream, message.sequence, intended).write(lane_.payload.data());
    id = client_.publish(header(), {message.topic, {}, lane_.payload});
  } else {
    const LoadClient::Collected collected = client_.publish(packet());
    if (stamped) stamp(index_, sent_, intended).write(collected.payload);
    id = collected.id;
  }
  if (lane_.state.times_acks && id != 0) intended_[id] = intended;
  ++sent_;
  expected_ += deliveries;
  lane_.published.add(1);
  lane_.expected.add(deliveries);
}

Stamp Publisher::stamp(std::uint32_t stream, std::uint64_t sequence, SteadyTime intended) const {
  return {lane_.state.run, stream, sequence, intended};
}

mqtt::PublishHeader Publisher::header() const {
  const Options& options = lane_.state.options;
  mqtt::PublishHeader header{.qos = options.qos, .retain = options.retain};
  if (options.alias && client_.topic_alias_maximum() >= kAlias) {
    header.topic_alias = kAlias;
    header.topic_omitted = sent_ > 0;
  }
  return header;
}

const RepeatedPublish& Publisher::packet() {
  const bool says_alias = lane_.state.options.alias && sent_ <= 1;  // once with the topic, then without
  if (!packet_ || says_alias) {
    packet_.emplace(client_.settings().version, header(), mqtt::PublishContent{plan_.topic, {}, lane_.payload});
  }
  return *packet_;
}

void Publisher::tell_sent(std::vector<std::uint64_t>& sent_by_stream) const {
  if (!lane_.state.field) sent_by_stream[index_] = sent_;
  for (std::size_t i = 0; i < sent_to_device_.size(); ++i) {
    sent_by_stream[index_ + i * lane_.state.credits.size()] = sent_to_device_[i];
  }
}

void Publisher::on_ready(LoadClient&, SteadyTime) {
  lane_.connector.handshake_ended();
  lane_.state.ready.fetch_add(1, std::memory_order_relaxed);
}

void Publisher::on_acknowledged(LoadClient&, mqtt::PacketId id, mqtt::ReasonCode code, SteadyTime now) {
  lane_.acknowledged.add(1);
  if (mqtt::failed(code)) lane_.refused.add(1);
  if (const auto sent = intended_.find(id); sent != intended_.end()) {
    lane_.arrived(sent->second, now);
    intended_.erase(sent);
  }
}

void Publisher::on_closed(LoadClient& client) {
  if (!client.was_ready()) lane_.connector.handshake_ended();
  lane_.state.ended.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace bramble::bench
