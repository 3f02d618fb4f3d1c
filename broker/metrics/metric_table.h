#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bramble {

/// Everything the broker counts. A metric is an enumerator and its row in kMetrics.
enum class Metric : std::uint8_t {
  bytes_received,
  bytes_sent,
  messages_received,
  messages_sent,
  publish_received,
  publish_sent,
  publish_bytes_received,
  publish_bytes_sent,
  sockets_opened,
  connections,
  clients_connected,
  sessions,
  clients_expired,
  subscriptions,
  shared_subscriptions,
  dropped_qos0_output,
  dropped_queue_full,
  dropped_inbox,
  dropped_too_large,
  dropped_expired,
  publishers_slowed,
  publishers_throttled,
  queued_messages,
  queued_bytes,
  count,
};

inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::count);

/// A counter only rises. A gauge goes up and down: one reactor's share of it may be negative, the sum is right.
enum class MetricKind : std::uint8_t { counter, gauge };

struct MetricRow {
  Metric metric;
  MetricKind kind;
  std::string_view name;       ///< for scrapers
  std::string_view sys_topic;  ///< below $SYS/broker/; empty: not shown there by itself
  std::string_view help;
};

inline constexpr auto kMetrics = std::to_array<MetricRow>({
    {Metric::bytes_received, MetricKind::counter, "bytes_received_total", "bytes/received", "Bytes read from clients."},
    {Metric::bytes_sent, MetricKind::counter, "bytes_sent_total", "bytes/sent", "Bytes written to clients."},
    {Metric::messages_received, MetricKind::counter, "messages_received_total", "messages/received",
     "Control Packets of any type from clients."},
    {Metric::messages_sent, MetricKind::counter, "messages_sent_total", "messages/sent",
     "Control Packets of any type to clients."},
    {Metric::publish_received, MetricKind::counter, "publish_received_total", "publish/messages/received",
     "PUBLISH packets from clients."},
    {Metric::publish_sent, MetricKind::counter, "publish_sent_total", "publish/messages/sent",
     "PUBLISH packets to clients."},
    {Metric::publish_bytes_received, MetricKind::counter, "publish_bytes_received_total", "publish/bytes/received",
     "Payload bytes of PUBLISH packets from clients."},
    {Metric::publish_bytes_sent, MetricKind::counter, "publish_bytes_sent_total", "publish/bytes/sent",
     "Payload bytes of PUBLISH packets to clients."},
    {Metric::sockets_opened, MetricKind::counter, "sockets_opened_total", "connections/socket/count",
     "Connections accepted."},
    {Metric::connections, MetricKind::counter, "connections_total", "", "CONNECT packets from clients."},
    {Metric::clients_connected, MetricKind::gauge, "clients_connected", "clients/connected", "Clients connected now."},
    {Metric::sessions, MetricKind::gauge, "sessions", "clients/total",
     "Sessions kept, of clients connected or absent."},
    {Metric::clients_expired, MetricKind::counter, "clients_expired_total", "clients/expired",
     "Sessions of absent clients ended by their expiry."},
    {Metric::subscriptions, MetricKind::gauge, "subscriptions", "subscriptions/count", "Subscriptions held."},
    {Metric::shared_subscriptions, MetricKind::gauge, "shared_subscriptions", "shared_subscriptions/count",
     "Shared subscriptions held, by member."},
    {Metric::dropped_qos0_output, MetricKind::counter, "dropped_qos0_output_total",
     "publish/messages/dropped/slow_client", "QoS 0 messages dropped because the client's output was full."},
    {Metric::dropped_queue_full, MetricKind::counter, "dropped_queue_full_total", "publish/messages/dropped/queue_full",
     "Messages dropped because the session's queue was full."},
    {Metric::dropped_inbox, MetricKind::counter, "dropped_inbox_total", "publish/messages/dropped/inbox_full",
     "QoS 0 messages dropped because a reactor's inbox was at twice its level."},
    {Metric::dropped_too_large, MetricKind::counter, "dropped_too_large_total", "publish/messages/dropped/too_large",
     "Messages not sent because of the client's Maximum Packet Size, or not taken because of message_size_limit."},
    {Metric::dropped_expired, MetricKind::counter, "dropped_expired_total", "publish/messages/dropped/expired",
     "Messages that expired before they could be sent."},
    {Metric::publishers_slowed, MetricKind::counter, "publishers_slowed_total", "publish/slowed",
     "Times a publisher was read more slowly because a reactor's inbox was full."},
    {Metric::publishers_throttled, MetricKind::counter, "publishers_throttled_total", "publish/throttled",
     "Times a publisher was not read for a while because of max_publish_rate, max_publish_bytes_rate or memory_limit."},
    {Metric::queued_messages, MetricKind::gauge, "queued_messages", "store/messages/count",
     "Messages queued or in flight, counted once for each session."},
    {Metric::queued_bytes, MetricKind::gauge, "queued_bytes", "store/messages/bytes",
     "Payload bytes queued or in flight, counted once for each session."},
});

consteval bool rows_in_enum_order() {
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    if (static_cast<std::size_t>(kMetrics[i].metric) != i) return false;
  }
  return kMetrics.size() == kMetricCount;
}
static_assert(rows_in_enum_order(), "a row of kMetrics is missing or out of place");

}  // namespace bramble
