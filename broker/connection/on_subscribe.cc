#include <algorithm>
#include <atomic>

#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::ReasonCode;

namespace {

constexpr const char* kAnswerTooLarge = "asked for an answer above its own Maximum Packet Size";
constexpr std::size_t kFiltersPerTurn = 1000;  // a packet of 2 MB can name 300,000

/// `answer(i)` gives the Reason Code of filter i. True: all are done, and their codes are in from.partial.
template <class Answer>
bool in_slices(const OnReactor& here, Connection& from, std::size_t filters, Answer answer) {
  if (!from.partial) from.partial = std::make_unique<Connection::Partial>();
  Connection::Partial& partial = *from.partial;
  const std::size_t end = std::min(filters, partial.next + kFiltersPerTurn);
  for (; partial.next < end; ++partial.next) partial.codes.push_back(answer(partial.next));
  if (end < filters) from.hold_packet(here);
  return end == filters;
}

bool wants_retained(mqtt::RetainHandling handling, bool is_new) {
  return handling == mqtt::RetainHandling::send_at_subscribe ||
         (handling == mqtt::RetainHandling::send_if_new && is_new);
}

void subscribe(const OnReactor& here, Connection& from, const TopicFilter& filter, const Subscriber& subscriber,
               mqtt::RetainHandling handling) {
  ShardParts& parts = from.parts();
  OwnedSession& session = from.session();
  const bool is_new = parts.sessions.subscribe(here, session, filter, subscriber);
  log::write(LogType::subscribe, "{} {} {}", session.client_id(), static_cast<int>(subscriber.qos), filter.text());
  if (filter.shared() || !wants_retained(handling, is_new)) return;  // no retained messages for shared ones  (4.8.2)
  // The bit is set; a PUBLISH that did not see it has set its retained message before (docs/design.md, Retained).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const Filter* wanted = parts.router.table().find(filter);
  session.replays.insert_or_assign(wanted->id(), PendingReplay{wanted, subscriber, {}});
}

}  // namespace

Result<void> on_subscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_subscribe(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  if (!from.partial) {
    for (const auto& entry : decoded->entries) {  // all are checked before one is taken
      const auto filter = TopicFilter::parse(entry.filter);
      if (!filter) return Failure(filter.error());
      if (filter->shared() && entry.options.no_local) {
        return protocol_error("No Local on a shared subscription");  // [MQTT-3.8.3-4]
      }
    }
  }
  const bool done = in_slices(here, from, decoded->entries.size(), [&](std::size_t i) {
    const auto& entry = decoded->entries[i];
    Subscriber subscriber;
    subscriber.recipient = &from.session();
    subscriber.subscription_identifier = decoded->subscription_identifier;
    subscriber.qos = std::min(entry.options.qos, from.listener().max_qos);
    subscriber.no_local = entry.options.no_local;
    subscriber.retain_as_published = entry.options.retain_as_published;
    subscribe(here, from, *TopicFilter::parse(entry.filter), subscriber, entry.options.retain_handling);
    return static_cast<ReasonCode>(subscriber.qos);
  });
  if (!done) return {};
  const auto partial = std::move(from.partial);
  const bool sent = from.send(
      [&](std::string& out) { mqtt::append_suback(out, from.version(), decoded->packet_id, partial->codes); });
  if (!sent) return failure(ReasonCode::packet_too_large, kAnswerTooLarge);
  if (!from.session().replays.empty()) from.parts().connections.replay_later(here, from);
  return {};
}

Result<void> on_unsubscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_unsubscribe(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  if (!from.partial) {
    for (const auto text : decoded->filters) {
      if (const auto filter = TopicFilter::parse(text); !filter) return Failure(filter.error());
    }
  }
  const bool done = in_slices(here, from, decoded->filters.size(), [&](std::size_t i) {
    const std::string_view text = decoded->filters[i];
    const bool was_on_it = from.parts().sessions.unsubscribe(here, from.session(), *TopicFilter::parse(text));
    log::write(LogType::unsubscribe, "{} {}", from.session().client_id(), text);
    return was_on_it ? ReasonCode::success : ReasonCode::no_subscription_existed;
  });
  if (!done) return {};
  const auto partial = std::move(from.partial);
  const bool sent = from.send(
      [&](std::string& out) { mqtt::append_unsuback(out, from.version(), decoded->packet_id, partial->codes); });
  if (!sent) return failure(ReasonCode::packet_too_large, kAnswerTooLarge);
  return {};
}

}  // namespace bramble
