#include <algorithm>

#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;

namespace {

/// The topic, by name or by alias.  [MQTT-3.3.2-8] [MQTT-3.3.2-10] [MQTT-3.3.2-12]
Result<std::string_view> topic_of(Connection& from, const mqtt::Publish& publish) {
  if (!publish.topic_alias) {
    if (publish.topic.empty()) return protocol_error("a PUBLISH with neither topic nor alias");
    return publish.topic;
  }
  const std::uint16_t alias = *publish.topic_alias;
  if (alias == 0 || alias > from.listener().max_topic_alias) {
    return failure(ReasonCode::topic_alias_invalid, "a Topic Alias of 0 or above Topic Alias Maximum");
  }
  if (!from.inbound_aliases) from.inbound_aliases = std::make_unique<InboundAliases>();
  if (!publish.topic.empty()) {
    (*from.inbound_aliases)[alias] = publish.topic;
    return publish.topic;
  }
  const auto known = from.inbound_aliases->find(alias);
  if (known == from.inbound_aliases->end()) return protocol_error("an unknown Topic Alias without a topic");
  return known->second;
}

/// The topic as the broker knows it, below the listener's mount point.
std::string_view mounted(Connection& from, std::string_view topic) {
  if (!from.mounted()) return topic;
  return from.parts().mounted_topic = from.mount(topic);
}

/// What may not be sent at all ends the connection.
Result<void> allowed(const Connection& from, const mqtt::Publish& publish) {
  const BrokerOptions& options = from.parts().config->broker;
  if (publish.qos > from.listener().max_qos) {
    return failure(ReasonCode::qos_not_supported, "a PUBLISH above Maximum QoS");  // [MQTT-3.2.2-11]
  }
  if (publish.retain && !options.retain_available) {
    return failure(ReasonCode::retain_not_supported, "a retained PUBLISH, which is off");  // [MQTT-3.2.2-14]
  }
  const bool counts = publish.qos != Qos::at_most_once && !from.session().awaits_release(publish.packet_id);
  if (from.is_v5() && counts && options.max_inflight_messages != 0 &&
      from.session().unreleased_now() >= options.max_inflight_messages) {
    return failure(ReasonCode::receive_maximum_exceeded,
                   "more messages in flight than Receive Maximum");  // [MQTT-3.3.4-7]
  }
  return {};
}

/// [MQTT-4.3.3-10]; it may not be on the disk yet.
[[gnu::noinline]] void had_it_already(Connection& from, const mqtt::Publish& publish) {
  if (from.parts().ledger.commits() && from.session().kept()) {
    return from.send_ack_when_stored(PacketType::pubrec, publish.packet_id, ReasonCode::success);
  }
  from.send_ack(PacketType::pubrec, publish.packet_id, ReasonCode::success);
}

bool goes_on_as_it_came(const Connection& from, const mqtt::Publish& publish) {
  return from.packet_lasts() && !from.mounted() && publish.qos == Qos::at_most_once && publish.forwarded_whole;
}

/// What it changes is on the disk when it is acknowledged: its message in the queue of a session that is kept, the
/// retained message, its identifier at QoS 2.
[[gnu::noinline, gnu::cold]] bool needs_store(const Connection& from, const mqtt::Publish& publish,
                                              std::span<Filter* const> filters) {
  return publish.retain || (publish.qos == Qos::exactly_once && from.session().kept()) ||
         std::ranges::any_of(filters, [](const Filter* filter) { return filter->durable() != 0; });
}

void acknowledge(Connection& from, const mqtt::Publish& publish, ReasonCode code) {
  if (publish.qos == Qos::at_least_once) from.send_ack(PacketType::puback, publish.packet_id, code);
  if (publish.qos == Qos::exactly_once) {
    if (!failed(code)) from.session().await_release(publish);
    from.send_ack(PacketType::pubrec, publish.packet_id, code);
  }
}

[[gnu::noinline, gnu::cold]] Result<void> goes_nowhere(const OnReactor& here, Connection& from,
                                                       const mqtt::Publish& publish, const char* why, ReasonCode code) {
  from.report(here, {"sent a message that goes nowhere.", why, code, true});
  acknowledge(from, publish, code);
  return {};
}

/// With `durability commit`: if there is something to wait for.
[[gnu::noinline, gnu::cold]] void acknowledge_when_stored(Connection& from, const mqtt::Publish& publish,
                                                          ReasonCode code, std::span<Filter* const> filters) {
  if (!needs_store(from, publish, filters)) return acknowledge(from, publish, code);
  if (publish.qos == Qos::at_least_once) return from.send_ack_when_stored(PacketType::puback, publish.packet_id, code);
  from.session().await_release(publish);
  from.send_ack_when_stored(PacketType::pubrec, publish.packet_id, code);
}

/// The store does not keep up, or has failed. True: the PUBLISH has been dealt with; it is refused, or waits. At QoS 0
/// it only waits for a store that is slow, since nobody would hear that it is refused.
[[gnu::noinline, gnu::cold]] bool stopped_by_store(const OnReactor& here, Connection& from, const mqtt::Frame& frame,
                                                   const mqtt::Publish& publish, TopicName topic) {
  ShardParts& parts = from.parts();
  parts.router.table().match(topic, parts.matches);
  if (!needs_store(from, publish, {parts.matches.begin(), parts.matches.end()})) return false;
  const bool failing = parts.ledger.failing();
  if (failing && publish.qos == Qos::at_most_once) return false;
  if (failing && from.is_v5()) {
    acknowledge(from, publish, ReasonCode::quota_exceeded);
    return true;
  }
  from.wait_for_store(here, frame);
  auto& counters = parts.counters;  // it comes again
  counters.subtract(Metric::publish_received);
  counters.subtract(Metric::publish_bytes_received, static_cast<std::int64_t>(publish.payload.size()));
  return true;
}

[[gnu::noinline, gnu::cold]] void slow_down(const OnReactor& here, Connection& from, const mqtt::Publish& publish,
                                            std::span<Filter* const> filters, std::uint64_t reactors) {
  ShardParts& parts = from.parts();
  if (publish.qos != Qos::at_most_once && needs_store(from, publish, filters)) parts.ledger.held_up(here.now());
  parts.connections.slow_down(here, from, reactors);
}

}  // namespace

bool removes_retained(Connection& from, const mqtt::Frame& frame) {
  const auto publish = mqtt::decode_publish(frame, from.version());
  if (!publish || !publish->retain || !publish->payload.empty()) return false;
  const auto topic = topic_of(from, *publish);
  return topic && from.parts().retained.find(mounted(from, *topic));
}

Result<void> on_publish(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  auto decoded = mqtt::decode_publish(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  mqtt::Publish& publish = *decoded;
  ShardParts& parts = from.parts();
  auto& counters = parts.counters;
  counters.add(Metric::publish_received);
  counters.add(Metric::publish_bytes_received, static_cast<std::int64_t>(publish.payload.size()));

  const auto named = topic_of(from, publish);
  if (!named) return Failure(named.error());
  publish.topic = *named;
  if (const auto may = allowed(from, publish); !may) return may;
  if (publish.qos == Qos::exactly_once && from.session().has_had(publish)) {
    had_it_already(from, publish);
    return {};
  }
  const std::string_view topic = mounted(from, *named);
  TopicMemo& memo = from.memo();
  const auto checked = memo.check(topic);
  if (!checked) return Failure(checked.error());
  if (const auto limit = parts.config->broker.message_size_limit; limit != 0 && publish.payload.size() > limit) {
    counters.add(Metric::dropped_too_large);
    // a PUBACK may not carry 0x95  (table 3-4)
    return goes_nowhere(here, from, publish, "its payload is above message_size_limit", ReasonCode::quota_exceeded);
  }
  // one that the memo knows was allowed when it was remembered
  if (checked->name.broker_owned()) {
    return goes_nowhere(here, from, publish, "its topic is the broker's own ($SYS, $CONTROL)",
                        ReasonCode::not_authorized);
  }
  if (!checked->known && !from.session().may_publish(here, topic)) {
    acknowledge(from, publish, ReasonCode::not_authorized);
    return {};
  }

  const ApplicationMessage::Facts facts{publish.qos, publish.retain, publish.message_expiry, here.now(),
                                        from.session().publisher()};
  Publication publication({topic, publish.properties, publish.payload}, facts, here.now(),
                          here.reactor().turn_buffer(here));
  if (goes_on_as_it_came(from, publish)) publication.came_as(frame.whole(), from.version());
  if ((publish.qos != Qos::at_most_once || publish.retain) && parts.ledger.lags(here.now()) &&
      stopped_by_store(here, from, frame, publish, checked->name)) {
    return {};
  }
  if (publish.retain) parts.router.retain(here, publication, from.session().source(parts.packet));
  const auto filters = memo.resolve(parts.router.table(), *checked, parts.matches);
  Router::charge(here, parts.matches);
  const auto outcome = parts.router.route(here, publication, filters);
  if (publish.qos != Qos::at_most_once) {  // 24 instructions for nothing, else
    const ReasonCode code = outcome.matched ? ReasonCode::success : ReasonCode::no_matching_subscribers;
    if (parts.ledger.commits()) {
      acknowledge_when_stored(from, publish, code, filters);
    } else {
      acknowledge(from, publish, code);
    }
  }
  if (outcome.slow != 0) slow_down(here, from, publish, filters, outcome.slow);
  return {};
}

}  // namespace bramble
