#include "tools/ctl/store_summary.h"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <span>

#include "tools/ctl/table.h"

namespace bramble::ctl {

namespace {

constexpr std::size_t kQueuesShown = 10;

std::string calendar(WallTime at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  char text[32] = "";
  if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

void StoreSummary::session(KeptSession session) {
  if (session.gone_at) ++away_;
  queues_[session.id] = {std::move(session.client_id), session.gone_at};
}

void StoreSummary::subscription(KeptSubscription subscription) {
  if (subscription.filter.starts_with("$share/")) ++shared_;
}

void StoreSummary::receipt(const KeptReceipt& /*receipt*/) { ++receipts_; }

void StoreSummary::retained(std::uint32_t /*slot*/, MessagePtr message) {
  retained_bytes_ += message->payload().size();
}

void StoreSummary::delivery(KeptDelivery delivery) {
  const ApplicationMessage& message = *delivery.message;
  Queue& queue = queues_[delivery.session];
  ++queue.messages;
  queue.bytes += message.payload().size();
  waiting_bytes_ += message.payload().size();
  if (delivery.state.packet_id != 0) ++in_flight_;
  if (message.facts().arrived >= oldest_) return;
  oldest_ = message.facts().arrived;
  oldest_topic_ = message.topic();
}

std::string StoreSummary::longest_queues() const {
  std::vector<const Queue*> longest;
  for (const auto& [id, queue] : queues_) {
    if (queue.messages > 0) longest.push_back(&queue);
  }
  std::ranges::sort(longest, [](const Queue* one, const Queue* other) {
    return std::pair(other->messages, one->client_id) < std::pair(one->messages, other->client_id);
  });
  if (longest.empty()) return {};
  std::vector<std::vector<std::string>> rows{{"CLIENT", "MESSAGES", "BYTES", "AWAY SINCE"}};
  for (const Queue* each : std::span(longest).first(std::min(longest.size(), kQueuesShown))) {
    rows.push_back({each->client_id, std::to_string(each->messages), std::to_string(each->bytes),
                    each->gone_at ? calendar(clocks_.wall_at(*each->gone_at)) : "-"});
  }
  return "\n" + table(rows);
}

std::string StoreSummary::text(const DatabaseContents& contents, const Database::Loaded& loaded) const {
  constexpr const char* kLine = "  {:<14} {}\n";
  std::string text =
      fmt::format(kLine, "format", fmt::format("{}, written by bramble {}", contents.format, contents.written_by));
  text += fmt::format(kLine, "size", counted(contents.file_bytes, "byte"));
  text += fmt::format(kLine, "sessions", fmt::format("{}, {} with their client away", loaded.sessions, away_));
  text += fmt::format(kLine, "subscriptions", fmt::format("{}, {} shared", loaded.subscriptions, shared_));
  text += fmt::format(kLine, "retained",
                      counted(loaded.retained, "message") + ", " + counted(retained_bytes_, "byte") + " of payload");
  text += fmt::format(kLine, "waiting",
                      fmt::format("{}, {} in flight, {} of payload", counted(loaded.deliveries, "message"), in_flight_,
                                  counted(waiting_bytes_, "byte")));
  text += fmt::format(kLine, "not released", counted(receipts_, "message") + " at QoS 2");
  if (oldest_ != SteadyTime::max()) {
    text += fmt::format(kLine, "oldest waiting",
                        calendar(clocks_.wall_at(oldest_)) + ", topic " + printable(oldest_topic_));
  }
  if (loaded.left_out > 0)
    text += fmt::format(kLine, "left out", counted(loaded.left_out, "record") + " that cannot be used");
  return text + longest_queues();
}

}  // namespace bramble::ctl
