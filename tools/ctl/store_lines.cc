#include "tools/ctl/store_lines.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/topic/topic.h"
#include "tools/bench/output/json.h"
#include "tools/ctl/store_export.h"
#include "tools/ctl/store_fields.h"

namespace bramble::ctl {

namespace {

using bench::Json;

constexpr std::uint64_t kNumberMax = 1'000'000'000'000'000;  // JSON's numbers are exact up to there, and a little more
constexpr std::uint32_t kSlotMax = 0xFFFF'FFFF;
constexpr std::string_view kStages[] = {"queued", "puback", "pubrec", "pubcomp"};

/// Takes records one after the other and knows those before.
class Lines {
 public:
  Lines(const Clocks& clocks, std::uint64_t seed, Database::Reader& reader)
      : clocks_(clocks), hash_(seed), reader_(reader) {}

  /// What is wrong with it; empty: nothing.
  std::string take(std::string_view line);
  /// Nothing comes after it.
  bool ended() const { return ended_; }
  /// After the last.
  Database::Loaded finish();

 private:
  std::string take(StoreFields& fields);
  void take_record(StoreFields& fields);
  void begin(StoreFields& fields);
  void end(StoreFields& fields);
  void session(StoreFields& fields);
  void subscription(StoreFields& fields);
  void receipt(StoreFields& fields);
  void retained(StoreFields& fields);
  void delivery(StoreFields& fields);

  SessionId known_session(StoreFields& fields);
  std::optional<Will> will(StoreFields& fields);
  DeliveryState state(StoreFields& fields, SessionId session, mqtt::Qos qos);
  MessagePtr message(StoreFields& fields);
  MessagePtr known_message(StoreFields& fields);

  const Clocks clocks_;
  const SeededHash hash_;
  Database::Reader& reader_;
  std::set<SessionId> sessions_;
  std::set<std::string, std::less<>> client_ids_, topics_;
  std::set<std::pair<SessionId, mqtt::PacketId>> in_flight_;
  std::map<std::uint64_t, MessagePtr> messages_;
  std::vector<std::uint32_t> slots_;         ///< of retained messages, rising; they get new ones without gaps
  std::vector<KeptSubscription> replaying_;  ///< by those numbers
  Database::Loaded loaded_;
  bool begun_ = false, ended_ = false;
  std::uint64_t records_ = 0;
};

std::string Lines::take(std::string_view line) {
  const auto record = Json::parse(line);
  if (!record || !record->object()) return "is no JSON object on one line";
  StoreFields fields(*record);
  return take(fields);
}

std::string Lines::take(StoreFields& fields) {
  if (!begun_) {
    begin(fields);
  } else {
    take_record(fields);
  }
  return fields.wrong();
}

void Lines::begin(StoreFields& fields) {
  begun_ = true;
  if (fields.text("type") != "bramble")
    return fields.refuse("type", "is not bramble, as in the first line of an export");
  const std::uint64_t format = fields.number("format", 1, kNumberMax);
  if (format <= kStoreLinesFormat) return;
  fields.refuse("format",
                fmt::format("is {}, of bramble-ctl {}; this one is {}, which knows {}: import it with the newer one",
                            format, fields.text("version"), BRAMBLE_VERSION, kStoreLinesFormat));
}

void Lines::end(StoreFields& fields) {
  ended_ = true;
  if (fields.number("records", 0, kNumberMax) != records_) {
    fields.refuse("records", fmt::format("is another number than that of the lines before, {}", records_));
  }
}

void Lines::take_record(StoreFields& fields) {
  constexpr std::pair<std::string_view, void (Lines::*)(StoreFields&)> kTypes[] = {
      {"session", &Lines::session},
      {"subscription", &Lines::subscription},
      {"receipt", &Lines::receipt},
      {"retained", &Lines::retained},
      {"delivery", &Lines::delivery}};
  const std::string type = fields.text("type");
  if (ended_) return fields.refuse("type", "comes after the end");
  if (type == "end") return end(fields);
  ++records_;
  const auto* const found = std::ranges::find(kTypes, type, [](const auto& each) { return each.first; });
  if (found == std::end(kTypes)) {
    fields.refuse("type", "is none of session, subscription, receipt, retained and delivery");
  } else {
    (this->*found->second)(fields);
  }
}

std::optional<Will> Lines::will(StoreFields& fields) {
  if (!fields.has("will")) return std::nullopt;
  const Json* const object = fields.object("will");
  if (!object) return std::nullopt;
  StoreFields of(*object);
  Will will;
  will.topic = of.text("topic");
  will.payload = of.bytes("payload");
  will.properties = of.properties(true);
  will.qos = of.qos("qos");
  will.retain = of.flag("retain");
  will.delay = Seconds(of.number("delay_seconds", 0, 0xFFFF'FFFF));
  will.message_expiry = static_cast<std::uint32_t>(of.number("message_expiry", 0, mqtt::kNoExpiry));
  will.source = of.bytes("source");
  if (!TopicName::parse(will.topic)) of.refuse("topic", "is none");
  if (will.payload.size() > mqtt::kTopicBytesMax || will.source.size() > mqtt::kTopicBytesMax) {
    of.refuse("payload", "has more than 65535 bytes");
  }
  if (!of.wrong().empty()) fields.refuse("will", of.wrong());
  return will;
}

void Lines::session(StoreFields& fields) {
  KeptSession session;
  session.id = SessionId{fields.number("session", 1, kNumberMax)};
  session.client_id = fields.text("client_id");
  session.expiry_seconds = static_cast<std::uint32_t>(fields.number("expiry_seconds", 0, mqtt::kSessionNeverExpires));
  if (fields.has("gone_at")) session.gone_at = clocks_.steady_at(fields.instant("gone_at"));
  if (fields.has("user")) session.user = fields.text("user");
  session.listener = fields.text("listener");
  if (fields.has("mount_point")) session.mount_point = fields.text("mount_point");
  session.will = will(fields);
  if (fields.has("ids_in_doubt")) session.ids_in_doubt = fields.flag("ids_in_doubt");
  if (session.client_id.empty() || !client_ids_.insert(session.client_id).second) {
    fields.refuse("client_id", "is empty, or that of a session before");
  }
  if (!sessions_.insert(session.id).second) fields.refuse("session", "is the number of a session before");
  if (!fields.wrong().empty()) return;
  ++loaded_.sessions;
  loaded_.last_session = std::max(loaded_.last_session, session.id.value);
  reader_.session(std::move(session));
}

SessionId Lines::known_session(StoreFields& fields) {
  const SessionId id{fields.number("session", 1, kNumberMax)};
  if (!sessions_.contains(id)) fields.refuse("session", "is the number of no session before");
  return id;
}

void Lines::subscription(StoreFields& fields) {
  KeptSubscription subscription;
  subscription.session = known_session(fields);
  subscription.filter = fields.text("filter");
  subscription.qos = fields.qos("qos");
  subscription.no_local = fields.flag("no_local");
  subscription.retain_as_published = fields.flag("retain_as_published");
  subscription.subscription_identifier =
      static_cast<std::uint32_t>(fields.number("subscription_identifier", 0, kVarIntMax));
  if (fields.has("replay_from")) {
    subscription.replay_from = static_cast<std::uint32_t>(fields.number("replay_from", 0, 0xFFFF'FFFF));
  }
  if (!TopicFilter::parse(subscription.filter)) fields.refuse("filter", "is no Topic Filter");
  if (!fields.wrong().empty()) return;
  ++loaded_.subscriptions;
  if (subscription.replay_from) {
    replaying_.push_back(std::move(subscription));
  } else {
    reader_.subscription(std::move(subscription));
  }
}

void Lines::receipt(StoreFields& fields) {
  constexpr std::uint64_t kMarkMax = (1ULL << 53) - 1;
  const KeptReceipt receipt{known_session(fields), static_cast<mqtt::PacketId>(fields.number("packet_id", 1, 65'535)),
                            fields.has("mark") ? fields.number("mark", 0, kMarkMax) : 0};
  if (fields.wrong().empty()) reader_.receipt(receipt);
}

MessagePtr Lines::message(StoreFields& fields) {
  const std::string topic = fields.text("topic"), payload = fields.bytes("payload");
  const std::string properties = fields.properties(false), source = fields.bytes("source");
  ApplicationMessage::Facts facts;
  facts.qos = fields.qos("published_qos");
  facts.retain = fields.flag("published_retain");
  if (fields.has("expiry_seconds")) {
    facts.expiry_seconds = static_cast<std::uint32_t>(fields.number("expiry_seconds", 0, mqtt::kNoExpiry - 1));
  }
  facts.arrived = clocks_.steady_at(fields.instant("arrived"));
  // as SessionDirectory::publisher_id has it
  if (fields.has("publisher")) facts.publisher = PublisherId{hash_(fields.text("publisher")) | 1};
  if (!TopicName::parse(topic)) fields.refuse("topic", "is none");
  if (payload.size() > mqtt::kRemainingLengthMax) fields.refuse("payload", "is longer than a message may be");
  if (source.size() > mqtt::kTopicBytesMax) fields.refuse("source_base64", "has more than 65535 bytes");
  if (!fields.wrong().empty()) return {};
  ++loaded_.messages;
  return MessagePtr::make({topic, {{properties}}, payload}, facts, source);
}

void Lines::retained(StoreFields& fields) {
  const auto slot = static_cast<std::uint32_t>(fields.number("slot", 0, kSlotMax));
  MessagePtr retained = message(fields);
  if (!slots_.empty() && slot <= slots_.back()) fields.refuse("slot", "is not greater than the one before");
  if (retained && retained->payload().empty()) fields.refuse("payload", "is empty, which is not retained");
  if (retained && !topics_.emplace(retained->topic()).second) fields.refuse("topic", "has a retained message already");
  if (!fields.wrong().empty()) return;
  reader_.retained(static_cast<std::uint32_t>(slots_.size()), std::move(retained));
  slots_.push_back(slot);
  loaded_.retained = slots_.size();
}

Database::Loaded Lines::finish() {
  for (KeptSubscription& each : replaying_) {
    each.replay_from = static_cast<std::uint32_t>(std::ranges::lower_bound(slots_, *each.replay_from) - slots_.begin());
    reader_.subscription(std::move(each));
  }
  return loaded_;
}

/// A message that several deliveries have is read once, and kept once.
MessagePtr Lines::known_message(StoreFields& fields) {
  if (!fields.has("message")) return message(fields);
  MessagePtr& place = messages_[fields.number("message", 1, kNumberMax)];
  if (place) return place;
  place = message(fields);
  if (place) place->store_mark().share();
  return place;
}

DeliveryState Lines::state(StoreFields& fields, SessionId session, mqtt::Qos qos) {
  using Stage = DeliveryState::Stage;
  const std::string name = fields.text("state");
  const auto* const stage = std::ranges::find(kStages, name);
  DeliveryState state;
  state.packet_id = static_cast<mqtt::PacketId>(fields.number("packet_id", 0, 65'535));
  if (stage == std::end(kStages)) {
    fields.refuse("state", "is none of queued, puback, pubrec and pubcomp");
    return state;
  }
  state.stage = static_cast<Stage>(stage - std::begin(kStages));
  const bool queued = state.stage == Stage::queued;
  if (queued != (state.packet_id == 0)) fields.refuse("packet_id", "is 0 for what is queued, and for nothing else");
  if (!queued && (state.stage == Stage::puback) != (qos == mqtt::Qos::at_least_once)) {
    fields.refuse("state", "is none that a message has with this QoS");
  }
  if (!queued && !in_flight_.emplace(session, state.packet_id).second) {
    fields.refuse("packet_id", "is that of another message in flight");
  }
  return state;
}

void Lines::delivery(StoreFields& fields) {
  KeptDelivery delivery;
  delivery.row = fields.number("row", 1, kNumberMax);
  delivery.session = known_session(fields);
  delivery.qos = fields.qos("qos");
  delivery.state = state(fields, delivery.session, delivery.qos);
  delivery.retain = fields.flag("retain");
  delivery.subscription_identifier =
      static_cast<std::uint32_t>(fields.number("subscription_identifier", 0, kVarIntMax));
  if (fields.has("share")) {
    delivery.share = std::make_unique<const std::string>(fields.text("share"));
    if (const auto share = TopicFilter::parse(*delivery.share); !share || !share->shared()) {
      fields.refuse("share", "is no filter that begins with $share/");
    }
  }
  delivery.message = known_message(fields);
  if (delivery.row <= loaded_.last_row) fields.refuse("row", "is not greater than the one before");
  if (!fields.wrong().empty()) return;
  loaded_.last_row = delivery.row;
  ++loaded_.deliveries;
  reader_.delivery(std::move(delivery));
}

}  // namespace

OrMessage<Database::Loaded> read_store_lines(std::istream& in, std::string_view file_name, const Clocks& clocks,
                                             std::uint64_t seed, Database::Reader& reader) {
  Lines lines(clocks, seed, reader);
  std::string line;
  std::uint64_t number = 1;
  for (; std::getline(in, line); ++number) {
    if (const std::string wrong = lines.take(line); !wrong.empty()) {
      const char* const cut = in.eof() ? "; there the text ends in the middle of a line: was it cut off?" : "";
      return tl::unexpected<std::string>(fmt::format("{}:{}: {}{}", file_name, number, wrong, cut));
    }
  }
  if (in.bad()) return tl::unexpected<std::string>(fmt::format("{}: cannot be read to its end", file_name));
  if (!lines.ended()) {
    return tl::unexpected<std::string>(
        fmt::format("{}:{}: its last line, of type end, is missing: it was cut off", file_name, number));
  }
  return lines.finish();
}

}  // namespace bramble::ctl
