#include <algorithm>
#include <atomic>

#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::ReasonCode;

namespace {

constexpr const char* kAnswerTooLarge = "asked for an answer above its own Maximum Packet Size";
// a packet of 2 MB can name 300,000, and many clients may send one at once
constexpr std::size_t kFiltersASlice = 250;
constexpr int kFilterCost = 8;           // of taking or leaving one, in deliveries
constexpr std::size_t kFiltersRead = 8;  // so many can be read and checked for one
constexpr std::size_t kSmall = 1024;     // bytes of a packet that is dealt with although the turn is full

bool wants_retained(mqtt::RetainHandling handling, bool is_new) {
  return handling == mqtt::RetainHandling::send_at_subscribe ||
         (handling == mqtt::RetainHandling::send_if_new && is_new);
}

void subscribe(const OnReactor& here, Connection& from, const TopicFilter& filter, const Subscriber& subscriber,
               mqtt::RetainHandling handling) {
  ShardParts& parts = from.parts();
  OwnedSession& session = from.session();
  const bool is_new = parts.sessions.subscribe(here, session, filter, subscriber);
  if (is_new) parts.router.subscribed(session);
  if (log::on(LogType::subscribe)) {
    from.report_verbatim(LogType::subscribe,
                         fmt::format("{} {} {}", session.client_id(), static_cast<int>(subscriber.qos), filter.text()));
  }
  if (filter.shared() || !wants_retained(handling, is_new)) return;  // no retained messages for shared ones  (4.8.2)
  // The bit is set; a PUBLISH that did not see it has set its retained message before (docs/design.md, Retained).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  parts.sessions.replay(session, *parts.router.table().find(filter), subscriber);
}

/// Its subscriptions are kept, and as it is told they are on the disk then, or will be within the interval. One that is
/// not there (0x11) may have been taken off a moment ago.
bool waits_for_store(const Connection& from, const std::vector<ReasonCode>& codes) {
  const Ledger& ledger = from.parts().ledger;
  if (!from.session().kept() || (!ledger.commits() && !ledger.failing())) return false;
  return std::ranges::any_of(codes, [](ReasonCode code) { return !mqtt::failed(code); });
}

/// A store that is slow would have to remember all of them meanwhile. True: the packet is handed over again later.
bool waits_for_slow_store(const OnReactor& here, Connection& from) {
  const Ledger& ledger = from.parts().ledger;
  if (!from.session().kept() || !ledger.lags(here.now()) || ledger.failing()) return false;
  from.wait_a_while(here);
  return true;
}

/// Why not; null: it may.
const char* may_not_subscribe(const Connection& from, const TopicFilter& filter) {
  const ShardParts& parts = from.parts();
  const BrokerOptions& options = parts.config->broker;
  if (options.max_filter_levels != 0 &&
      static_cast<std::size_t>(std::ranges::count(filter.filter(), '/')) >= options.max_filter_levels) {
    return "max_filter_levels";
  }
  const bool short_of_memory = parts.shortage >= Shortage::nothing_new;
  if (from.session().kept() && parts.ledger.failing()) return "the disk does not take what is to be kept";
  const bool full = options.max_subscriptions != 0 && from.session().subscriptions.size() >= options.max_subscriptions;
  if (!full && !short_of_memory) return nullptr;
  const FilterId known = parts.sessions.id_of(filter);
  if (known != FilterId{} && parts.subscribers.find(known, &from.session())) return nullptr;  // it replaces one
  return full ? "max_subscriptions" : "memory_limit";
}

void refuse_filter(const OnReactor& here, Connection& from, const TopicFilter& filter, const char* why) {
  from.partial->codes.push_back(from.is_v5() ? ReasonCode::quota_exceeded : ReasonCode::unspecified_error);
  if (!from.partial->told) {
    from.report(
        here, {fmt::format("is refused a subscription to {}.", filter.text()), why, ReasonCode::quota_exceeded, true});
  }
  from.partial->told = true;
}

/// All filters of a packet are checked before one is taken.
Result<void> check_subscribe(const OnReactor& here, const Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_subscribe(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  here.reactor().spend(here, static_cast<int>(decoded->entries.size() / kFiltersRead));
  for (const auto& entry : decoded->entries) {
    const auto filter = TopicFilter::parse(entry.filter);
    if (!filter) return Failure(filter.error());
    if (filter->shared() && entry.options.no_local) {
      return protocol_error("No Local on a shared subscription");  // [MQTT-3.8.3-4]
    }
  }
  return {};
}

Result<void> check_unsubscribe(const OnReactor& here, const Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_unsubscribe(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  here.reactor().spend(here, static_cast<int>(decoded->filters.size() / kFiltersRead));
  for (const auto text : decoded->filters) {
    if (const auto filter = TopicFilter::parse(text); !filter) return Failure(filter.error());
  }
  return {};
}

/// Before the first slice. True: the packet is large and the turn is full, so it is handed over again later.
bool put_off(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  from.settling();
  if (waits_for_slow_store(here, from)) return true;
  if (from.partial) return false;  // its time has come
  from.partial = std::make_unique<Connection::Partial>();
  if (frame.body.size() <= kSmall || here.reactor().budget_left(here)) return false;
  from.hold_slice(here);
  return true;
}

/// True: it was the last one. Else the packet is handed over again in the next turn.
bool slice_done(const OnReactor& here, Connection& from, const mqtt::Frame& frame, std::size_t next,
                std::size_t filters) {
  here.reactor().spend(here, static_cast<int>(filters) * kFilterCost);
  from.partial->next = next;
  if (next == frame.body.size()) return true;
  from.hold_slice(here);
  return false;
}

}  // namespace

Result<void> on_subscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  if (put_off(here, from, frame)) return {};
  Connection::Partial& partial = *from.partial;
  if (!std::exchange(partial.checked, true)) {
    if (const auto good = check_subscribe(here, from, frame); !good) return good;
  }
  const auto slice = mqtt::decode_subscribe(frame, from.version(), {partial.next, kFiltersASlice});
  for (const auto& entry : slice->entries) {
    const std::string mounted = from.mount(entry.filter);
    const auto filter = TopicFilter::parse(mounted.empty() ? entry.filter : mounted);
    if (!filter) return Failure(filter.error());  // with its mount point it is too long
    if (const char* const why = may_not_subscribe(from, *filter)) {
      refuse_filter(here, from, *filter, why);
      continue;
    }
    Subscriber subscriber;
    subscriber.recipient = &from.session();
    subscriber.subscription_identifier = slice->subscription_identifier;
    subscriber.qos = std::min(entry.options.qos, from.listener().max_qos);
    const bool bridge = from.is_bridge();  // what it brings does not go back, and retained stays so on the other side
    subscriber.no_local = entry.options.no_local || (bridge && !filter->shared());
    subscriber.all_readable = from.session().may_read_all(*filter);
    subscriber.retain_as_published = entry.options.retain_as_published || bridge;
    subscribe(here, from, *filter, subscriber, entry.options.retain_handling);
    partial.codes.push_back(static_cast<ReasonCode>(subscriber.qos));
  }
  if (!slice_done(here, from, frame, slice->next, slice->entries.size())) return {};
  const auto done = std::move(from.partial);
  const bool sent = from.answer(waits_for_store(from, done->codes), [&](std::string& out) {
    mqtt::append_suback(out, from.version(), slice->packet_id, done->codes);
  });
  if (!sent) return failure(ReasonCode::packet_too_large, kAnswerTooLarge);
  if (!from.session().replays.empty()) from.parts().connections.replay_later(here, from);
  return {};
}

Result<void> on_unsubscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  if (put_off(here, from, frame)) return {};
  Connection::Partial& partial = *from.partial;
  if (!std::exchange(partial.checked, true)) {
    if (const auto good = check_unsubscribe(here, from, frame); !good) return good;
  }
  const auto slice = mqtt::decode_unsubscribe(frame, from.version(), {partial.next, kFiltersASlice});
  for (const std::string_view text : slice->filters) {
    const std::string mounted = from.mount(text);
    const auto filter = TopicFilter::parse(mounted.empty() ? text : mounted);
    const bool was_on_it = filter && from.parts().sessions.unsubscribe(here, from.session(), *filter);
    if (log::on(LogType::unsubscribe)) {
      from.report_verbatim(LogType::unsubscribe, fmt::format("{} {}", from.session().client_id(), text));
    }
    partial.codes.push_back(was_on_it ? ReasonCode::success : ReasonCode::no_subscription_existed);
  }
  if (!slice_done(here, from, frame, slice->next, slice->filters.size())) return {};
  const auto done = std::move(from.partial);
  const bool sent = from.answer(waits_for_store(from, done->codes), [&](std::string& out) {
    mqtt::append_unsuback(out, from.version(), slice->packet_id, done->codes);
  });
  if (!sent) return failure(ReasonCode::packet_too_large, kAnswerTooLarge);
  return {};
}

}  // namespace bramble
