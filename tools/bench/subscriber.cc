#include "tools/bench/subscriber.h"

#include <algorithm>

namespace bramble::bench {

namespace {

/// More publishers of other processes than this are not told apart: what they send counts as misrouted.
constexpr std::size_t kStrangersMax = 1'000'000;

}  // namespace

std::optional<std::size_t> Hears::index_of(std::uint32_t publisher) const {
  if (publisher < first || (publisher - first) % step != 0) return std::nullopt;
  const std::uint32_t index = (publisher - first) / step;
  if (index >= count) return std::nullopt;
  return index;
}

Subscriber::Subscriber(Lane& lane, SubscriberPlan plan, LoadClient::Settings settings)
    : lane_(lane),
      hears_(plan.hears),
      client_(std::move(settings), *this),
      streams_(lane.state.group ? 0 : hears_.count),
      orders_(lane.state.group ? hears_.count : 0) {}

void Subscriber::on_delivery(LoadClient&, const mqtt::Publish& publish, SteadyTime now) {
  if (publish.retain) {  // [MQTT-3.3.1-9] only what was stored comes with it set
    ++stored_;
  } else if (!lane_.state.stamped) {
    on_unstamped();
  } else if (const auto stamp = Stamp::read(publish.payload); stamp && belongs(*stamp)) {
    on_stamped(*stamp, now);
  } else {
    ++foreign_;
  }
}

bool Subscriber::belongs(const Stamp& stamp) const { return lane_.state.strangers || stamp.run == lane_.state.run; }

void Subscriber::on_stamped(const Stamp& stamp, SteadyTime now) {
  if (!hears(stamp)) {
    ++misrouted_;
    return;
  }
  credit(stamp.stream);
  if (!lane_.state.elsewhere) lane_.arrived(stamp.intended, now);
}

bool Subscriber::hears(const Stamp& stamp) {
  const FlowState& state = lane_.state;
  if (state.strangers) return hears_stranger(stamp);
  const auto index = state.field ? state.field->place_of(stamp.stream, hears_.first) : hears_.index_of(stamp.stream);
  if (index && state.options.check) note(*index, stamp);
  return index.has_value();
}

void Subscriber::note(std::size_t index, const Stamp& stamp) {
  if (!lane_.state.group) {
    follow(streams_[index], stamp.sequence);
  } else if (lane_.state.group->arrived(stamp.stream, stamp.sequence)) {
    orders_[index].arrived_first(stamp.sequence);
  } else {
    lane_.duplicates.add(1);
  }
}

bool Subscriber::hears_stranger(const Stamp& stamp) {
  const std::uint64_t key = std::uint64_t{stamp.run} << 32 | stamp.stream;
  if (strangers_.size() == kStrangersMax && !strangers_.contains(key)) return false;
  auto& stream = strangers_.try_emplace(key, SequenceChecker::Joins::anywhere).first->second;
  if (lane_.state.options.check) follow(stream, stamp.sequence);
  return true;
}

void Subscriber::follow(SequenceChecker& stream, std::uint64_t sequence) {
  const bool in_order = stream.in_order(sequence);
  const Tally before = in_order ? Tally() : stream.tally(std::nullopt);
  stream.arrived(sequence);
  if (in_order) [[likely]]
    return;
  const Tally after = stream.tally(std::nullopt);
  lane_.missing.add(after.lost - before.lost);  // may be less: a Count wraps around and back
  lane_.duplicates.add(after.duplicates - before.duplicates);
  lane_.reordered.add(after.reordered - before.reordered);
}

std::uint32_t Subscriber::stream(std::size_t index) const {
  const std::uint32_t number = hears_.number(index);
  return lane_.state.field ? DeviceField::device_of(number) : number;
}

/// Nothing tells whose message it was, so the publishers get their credit in turn: right on the whole.
void Subscriber::on_unstamped() {
  const std::uint32_t heard = std::max(hears_.count, std::uint32_t{1});
  credit(hears_.number(unstamped_++ % heard));
}

void Subscriber::credit(std::uint32_t stream) {
  auto& credits = lane_.state.credits;
  if (stream < credits.size()) {  // as a rule, and without a division
    lane_.state.credit(credits[stream]);
  } else if (!credits.empty()) {
    lane_.state.credit(credits[stream % credits.size()]);
  }
  lane_.delivered.add(1);
}

Tally Subscriber::tally(const std::vector<std::uint64_t>& sent) const {
  Tally sum;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::uint32_t number = stream(i);
    sum += streams_[i].tally(number < sent.size() ? std::optional(sent[number]) : std::nullopt);
  }
  for (const auto& [key, strange] : strangers_) sum += strange.tally(std::nullopt);
  for (const auto& order : orders_) sum.reordered += order.reordered();
  return sum;
}

void Subscriber::on_ready(LoadClient&, SteadyTime) {
  lane_.connector.handshake_ended();
  lane_.state.ready.fetch_add(1, std::memory_order_relaxed);
}

void Subscriber::on_closed(LoadClient& client) {
  if (!client.was_ready()) lane_.connector.handshake_ended();
  lane_.state.ended.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace bramble::bench
