#include "broker/store/mosquitto_database.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/store/away_subscribers.h"
#include "broker/store/mosquitto_chunks.h"

namespace bramble {

namespace {

using mosquitto::Chunk;
using mosquitto::ChunkFile;
using mosquitto::ChunkType;

/// A client that the file names.
struct Named {
  enum class Is : std::uint8_t { without_session, ended, kept } is = Is::without_session;
  KeptSession session;
};

struct OnItsWay {
  Named* client = nullptr;
  mosquitto::ClientMessage facts;  ///< without its text, which is gone
};

struct Stored {
  MessagePtr message;
  bool given = false;
  bool awaited = false;  ///< by a session at least
};

std::int64_t seconds_of(WallTime time) { return std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count(); }

/// Since when the client of a session is away; nothing: the session has ended.
std::optional<WallTime> away_since(const mosquitto::Client& client, WallTime now) {
  const std::int64_t now_s = seconds_of(now), lasts = client.expiry_seconds;
  if (client.expiry_seconds == 0) return std::nullopt;
  if (client.expiry_seconds == mqtt::kSessionNeverExpires || client.ends_at <= 0) return now;
  if (client.ends_at <= now_s) return std::nullopt;
  return client.ends_at < now_s + lasts ? WallTime(Seconds(client.ends_at - lasts)) : now;
}

/// Message Expiry Interval of a message that came at `arrived`.
std::uint32_t expiry_seconds(std::int64_t expires_at, WallTime arrived) {
  const std::int64_t arrived_s = seconds_of(arrived);
  if (expires_at <= 0) return mqtt::kNoExpiry;
  if (expires_at <= arrived_s) return 0;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(expires_at - arrived_s, mqtt::kNoExpiry - 1));
}

/// Nothing: it cannot be, at this QoS. What was never sent is queued, whether or not it was about to be.
std::optional<DeliveryState> delivery_state(const mosquitto::ClientMessage& of) {
  using mosquitto::State;
  using Stage = DeliveryState::Stage;
  const bool about_to_be_sent = of.state == State::publish_qos1 || of.state == State::publish_qos2;
  if (of.qos == mqtt::Qos::at_most_once || of.state == State::queued || (about_to_be_sent && !of.dup)) {
    return DeliveryState{};
  }
  if (of.packet_id == 0) return std::nullopt;
  const bool once = of.qos == mqtt::Qos::exactly_once;
  if (about_to_be_sent || of.state == State::wait_for_puback || of.state == State::wait_for_pubrec) {
    return DeliveryState{once ? Stage::pubrec : Stage::puback, of.packet_id};
  }
  const bool released = of.state == State::resend_pubrel || of.state == State::wait_for_pubcomp;
  return once && released ? std::optional(DeliveryState{Stage::pubcomp, of.packet_id}) : std::nullopt;
}

/// What a file has, until all of it is known.
class Contents {
 public:
  /// `saved_at`: no message is younger.
  Contents(const Clocks& clocks, WallTime saved_at, const PublisherNames& names)
      : clocks_(clocks), arrived_(std::min(saved_at, clocks.wall)), names_(names) {}

  void leave_out() { ++loaded_.left_out; }
  /// False: it is damaged.
  bool take(const Chunk& chunk, unsigned format);
  /// Once, after the last chunk.
  Database::Loaded give(Database::Reader& reader);

 private:
  bool take_client(const mosquitto::Client& client);
  bool take_message(const mosquitto::Message& message);
  void take_client_message(const mosquitto::ClientMessage& message);
  void take_subscription(const mosquitto::Subscription& subscription);
  Named& named(std::string_view client_id) { return clients_.try_emplace(std::string(client_id)).first->second; }

  void give_sessions(Database::Reader& reader);
  void give_subscriptions(Database::Reader& reader);
  void give_receipts(Database::Reader& reader);
  void give_retained(Database::Reader& reader);
  void find_shared();
  void give_deliveries(Database::Reader& reader);
  void give_delivery(Database::Reader& reader, const OnItsWay& on_its_way);
  void give_unreleased(Database::Reader& reader);
  void give(Database::Reader& reader, KeptDelivery delivery, Stored& stored);

  bool has_session(const Named& client);
  Stored* stored(std::uint64_t id);
  void retain(Stored& stored);

  const Clocks clocks_;
  const WallTime arrived_;  // all messages, as far as anybody knows
  const PublisherNames& names_;
  std::map<std::string, Named, std::less<>> clients_;
  std::vector<Named*> sessions_;
  std::map<std::uint64_t, Stored> messages_;
  std::vector<std::pair<Named*, KeptSubscription>> subscribed_;
  std::vector<OnItsWay> incoming_, outgoing_;
  std::vector<std::uint64_t> retained_;

  std::vector<KeptSubscription> subscriptions_;  // of sessions that are there
  std::vector<OnItsWay> unreleased_;
  std::map<std::string_view, Stored*> retained_by_topic_;
  std::set<std::pair<SessionId, mqtt::PacketId>> in_flight_;
  Database::Loaded loaded_;
};

bool Contents::take(const Chunk& chunk, unsigned format) {
  switch (chunk.type) {
    case ChunkType::configuration: return true;
    case ChunkType::message:
      if (const auto message = mosquitto::parse_message(chunk.body)) return take_message(*message);
      return false;
    case ChunkType::client:
      if (const auto client = mosquitto::parse_client(chunk.body, format)) return take_client(*client);
      return false;
    case ChunkType::client_message:
      if (const auto message = mosquitto::parse_client_message(chunk.body)) return take_client_message(*message), true;
      return false;
    case ChunkType::subscription:
      if (const auto subscription = mosquitto::parse_subscription(chunk.body)) {
        return take_subscription(*subscription), true;
      }
      return false;
    case ChunkType::retained:
      if (const auto message = mosquitto::parse_retained(chunk.body)) return retained_.push_back(*message), true;
      return false;
  }
  return false;
}

bool Contents::take_client(const mosquitto::Client& client) {
  Named& place = named(client.id);
  if (place.is != Named::Is::without_session) return false;
  const auto gone_at = away_since(client, clocks_.wall);
  if (!gone_at) return place.is = Named::Is::ended, true;
  place.is = Named::Is::kept;
  KeptSession& session = place.session;
  session.id = SessionId{sessions_.size() + 1};
  session.client_id = client.id;
  session.expiry_seconds = client.expiry_seconds;
  session.gone_at = clocks_.steady_at(*gone_at);
  if (client.user) session.user.emplace(*client.user);
  if (client.port != 0) session.listener = std::to_string(client.port);
  sessions_.push_back(&place);
  return true;
}

bool Contents::take_message(const mosquitto::Message& message) {
  const auto [place, is_new] = messages_.try_emplace(message.id);
  if (!is_new) return false;
  ApplicationMessage::Facts facts{.qos = message.qos,
                                  .retain = message.retain,
                                  .expiry_seconds = expiry_seconds(message.expires_at, arrived_),
                                  .arrived = clocks_.steady_at(arrived_)};
  std::string source;
  if (!message.client_id.empty()) {
    if (names_.id) facts.publisher = names_.id(message.client_id);
    if (names_.source && message.retain) source = names_.source({message.client_id, message.user, message.port});
  }
  place->second.message = MessagePtr::make({message.topic, {{message.properties}}, message.payload}, facts, source);
  return true;
}

void Contents::take_client_message(const mosquitto::ClientMessage& message) {
  OnItsWay on_its_way{&named(message.client_id), message};
  on_its_way.facts.client_id = {};
  (message.incoming ? incoming_ : outgoing_).push_back(on_its_way);
}

void Contents::take_subscription(const mosquitto::Subscription& subscription) {
  subscribed_.emplace_back(&named(subscription.client_id),
                           KeptSubscription{.session = {},
                                            .filter = std::string(subscription.filter),
                                            .qos = subscription.qos,
                                            .no_local = subscription.no_local,
                                            .retain_as_published = subscription.retain_as_published,
                                            .subscription_identifier = subscription.identifier});
}

Database::Loaded Contents::give(Database::Reader& reader) {
  give_sessions(reader);
  give_subscriptions(reader);
  give_receipts(reader);
  give_retained(reader);
  give_deliveries(reader);
  return loaded_;
}

/// Counts what belongs to a client that the file has no session of; not what belonged to one that has ended.
bool Contents::has_session(const Named& client) {
  if (client.is == Named::Is::without_session) leave_out();
  return client.is == Named::Is::kept;
}

/// Null, and counted: it is not in the file.
Stored* Contents::stored(std::uint64_t id) {
  const auto found = messages_.find(id);
  if (found != messages_.end()) return &found->second;
  leave_out();
  return nullptr;
}

void Contents::give_sessions(Database::Reader& reader) {
  for (const Named* client : sessions_) reader.session(client->session);
  loaded_.sessions = loaded_.last_session = sessions_.size();
}

void Contents::give_subscriptions(Database::Reader& reader) {
  for (auto& [client, subscription] : subscribed_) {
    if (!has_session(*client)) continue;
    subscription.session = client->session.id;
    reader.subscription(subscription);
    subscriptions_.push_back(std::move(subscription));
  }
  loaded_.subscriptions = subscriptions_.size();
}

void Contents::give_receipts(Database::Reader& reader) {
  std::set<std::pair<SessionId, mqtt::PacketId>> known;
  for (const OnItsWay& each : incoming_) {
    if (!has_session(*each.client)) continue;
    const SessionId session = each.client->session.id;
    if (each.facts.qos != mqtt::Qos::exactly_once || each.facts.packet_id == 0 ||
        !known.emplace(session, each.facts.packet_id).second) {
      leave_out();
      continue;
    }
    reader.receipt({session, each.facts.packet_id});
    unreleased_.push_back(each);
  }
}

void Contents::retain(Stored& stored) {
  const std::string_view topic = stored.message->topic();
  if (topic.starts_with("$SYS")) return;
  if (stored.message->payload().empty()) {
    retained_by_topic_.erase(topic);
  } else if (!stored.message->expired(clocks_.steady)) {
    retained_by_topic_.insert_or_assign(topic, &stored);
  }
}

void Contents::give_retained(Database::Reader& reader) {
  for (const std::uint64_t id : retained_) {
    if (Stored* const found = stored(id)) retain(*found);
  }
  for (const OnItsWay& each : unreleased_) {
    const auto found = messages_.find(each.facts.message);
    if (found != messages_.end() && found->second.message->facts().retain) retain(found->second);
  }
  std::uint32_t slot = 0;
  for (const auto& [topic, found] : retained_by_topic_) {
    if (!std::exchange(found->given, true)) ++loaded_.messages;
    reader.retained(slot++, found->message);
  }
  loaded_.retained = slot;
}

void Contents::give(Database::Reader& reader, KeptDelivery delivery, Stored& stored) {
  if (!std::exchange(stored.given, true)) ++loaded_.messages;
  delivery.row = ++loaded_.last_row;
  delivery.message = stored.message;
  ++loaded_.deliveries;
  reader.delivery(std::move(delivery));
}

/// They come session by session, so that the store cannot see it in time.
void Contents::find_shared() {
  for (const OnItsWay& each : outgoing_) {
    const auto found = messages_.find(each.facts.message);
    if (found != messages_.end() && std::exchange(found->second.awaited, true))
      found->second.message->store_mark().share();
  }
}

void Contents::give_deliveries(Database::Reader& reader) {
  find_shared();
  for (const OnItsWay& each : outgoing_) give_delivery(reader, each);
  give_unreleased(reader);
}

void Contents::give_delivery(Database::Reader& reader, const OnItsWay& on_its_way) {
  if (!has_session(*on_its_way.client)) return;
  Stored* const found = stored(on_its_way.facts.message);
  if (!found) return;
  const SessionId session = on_its_way.client->session.id;
  const auto state = delivery_state(on_its_way.facts);
  if (!state || (state->packet_id != 0 && !in_flight_.emplace(session, state->packet_id).second)) return leave_out();
  // one that was sent stays in flight until it is acknowledged
  if (state->packet_id == 0 && found->message->expired(clocks_.steady)) return;
  give(reader,
       KeptDelivery{.row = 0,
                    .session = session,
                    .message = {},
                    .state = *state,
                    .qos = on_its_way.facts.qos,
                    .retain = on_its_way.facts.retain,
                    .subscription_identifier = on_its_way.facts.subscription_identifier},
       *found);
}

void Contents::give_unreleased(Database::Reader& reader) {
  if (unreleased_.empty()) return;
  AwaySubscribers away(subscriptions_);
  for (const OnItsWay& each : unreleased_) {
    Stored* const found = stored(each.facts.message);
    if (!found || found->message->expired(clocks_.steady)) continue;
    const auto& subscriptions = away.of(found->message->topic(), each.client->session.id);
    if (subscriptions.size() > 1) found->message->store_mark().share();
    for (const KeptSubscription* by : subscriptions) {
      KeptDelivery delivery{.row = 0,
                            .session = by->session,
                            .message = {},
                            .state = {},
                            .qos = by->qos,
                            .retain = by->retain_as_published && found->message->facts().retain,
                            .subscription_identifier = by->subscription_identifier};
      if (by->filter.starts_with("$share/")) delivery.share = std::make_unique<const std::string>(by->filter);
      give(reader, std::move(delivery), *found);
    }
    if (away.given_up()) leave_out();
  }
}

}  // namespace

OrMessage<Database::Loaded> read_mosquitto_database(const std::filesystem::path& path, const Clocks& clocks,
                                                    Database::Reader& reader, const PublisherNames& names) {
  auto file = ChunkFile::open(path);
  if (!file) return tl::unexpected<std::string>(std::move(file.error()));
  Contents contents(clocks, file->saved_at(), names);
  for (Chunk chunk;;) {
    const auto next = file->next(chunk);
    if (next == ChunkFile::Next::end) break;
    if (next == ChunkFile::Next::unreadable) {
      return tl::unexpected<std::string>(path.string() + ": cannot be read to its end: the disk has an error");
    }
    if (next == ChunkFile::Next::chunk && chunk.type == ChunkType::configuration &&
        !mosquitto::has_known_ids(chunk.body)) {
      return tl::unexpected<std::string>(path.string() + ": is of a Mosquitto that numbers messages in another way");
    }
    if (next != ChunkFile::Next::chunk || !contents.take(chunk, file->format())) contents.leave_out();
    if (next == ChunkFile::Next::cut_off) break;
  }
  return contents.give(reader);
}

}  // namespace bramble
