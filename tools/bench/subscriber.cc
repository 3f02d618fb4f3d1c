#include "tools/bench/subscriber.h"

namespace bramble::bench {

namespace {

/// Publishers of another process are believed to number at most this many.
constexpr std::uint32_t kStrangersMax = 1'000'000;

}  // namespace

std::optional<std::size_t> Hears::index_of(std::uint32_t publisher) const {
  if (publisher < first || (publisher - first) % step != 0) return std::nullopt;
  const std::uint32_t index = (publisher - first) / step;
  if (index >= count) return std::nullopt;
  return index;
}

Subscriber::Subscriber(Lane& lane, SubscriberPlan plan, LoadClient::Settings settings)
    : lane_(lane), hears_(plan.hears), client_(std::move(settings), *this) {
  if (lane_.state.strangers) hears_ = {.count = kStrangersMax};
  if (!lane_.state.strangers) streams_.resize(hears_.count);
}

void Subscriber::on_delivery(LoadClient&, const mqtt::Publish& publish, SteadyTime now) {
  if (publish.retain) {  // [MQTT-3.3.1-9] only what was stored comes with it set
    ++stored_;
  } else if (!lane_.state.stamped) {
    on_unstamped();
  } else if (const auto stamp = Stamp::read(publish.payload)) {
    on_stamped(*stamp, now);
  } else {
    ++foreign_;
  }
}

void Subscriber::on_stamped(const Stamp& stamp, SteadyTime now) {
  const auto index = hears_.index_of(stamp.publisher);
  if (!index) {
    ++misrouted_;
    return;
  }
  if (*index >= streams_.size()) streams_.resize(*index + 1, SequenceChecker(SequenceChecker::Joins::anywhere));
  if (lane_.state.options.check) streams_[*index].arrived(stamp.sequence);
  credit(stamp.publisher);
  lane_.arrived(stamp.intended, now);
}

/// Nothing tells whose message it was, so the publishers get their credit in turn: right on the whole.
void Subscriber::on_unstamped() { credit(hears_.publisher(unstamped_++ % hears_.count)); }

void Subscriber::credit(std::uint32_t publisher) {
  auto& credits = lane_.state.credits;
  if (publisher < credits.size()) credits[publisher].delivered.fetch_add(1, std::memory_order_relaxed);
  lane_.delivered.add(1);
}

Tally Subscriber::tally(const std::vector<std::uint64_t>& sent) const {
  Tally sum;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::uint32_t publisher = hears_.publisher(i);
    sum += streams_[i].tally(publisher < sent.size() ? std::optional(sent[publisher]) : std::nullopt);
  }
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
