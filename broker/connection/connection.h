#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/connection/client_lines.h"
#include "broker/connection/outbound_aliases.h"
#include "broker/connection/publish_allowance.h"
#include "broker/connection/shard_parts.h"
#include "broker/connection/unread.h"
#include "broker/connection/write_queue.h"
#include "broker/log.h"
#include "broker/reactor/reactor_timer.h"
#include "broker/reactor/readiness.h"
#include "broker/routing/topic_memo.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"

namespace bramble {

/// The Topic Aliases that the client has set.
using InboundAliases = std::unordered_map<std::uint16_t, std::string>;

/// MQTT's Network Connection: one client's transport and the packets on it, from accept to close. Bytes in become
/// packets for the on_* functions (handlers.h); packets out wait in the WriteQueue for the end of the turn.
/// Threads: the reactor it was given to, until it moves with its socket to the reactor that owns its session.
/// Lifetime: owned by Connections, until the end of the turn in which it closes.
class Connection final : public Watcher, public PacketSink, private ReactorTimer {
 public:
  enum class State : std::uint8_t { awaiting_connect, connected, closing, closed };

  Connection(ShardParts& parts, ConnectionAccepted accepted);
  Connection(const Connection&) = delete;
  ~Connection();

  ShardParts& parts() const { return parts_; }
  const ListenerRules& rules() const { return *parts_.rules[listener_]; }
  const ListenerOptions& listener() const { return rules().options; }
  std::uint32_t listener_number() const { return listener_; }
  State state() const { return state_; }
  mqtt::Version version() const { return version_; }
  bool is_v5() const { return version_ == mqtt::Version::v5; }
  OwnedSession& session() const { return *session_; }  ///< while connected
  TopicMemo& memo();
  /// The packet at hand lies in the turn's memory.
  bool packet_lasts() const { return parts_.packet_lasts; }
  bool mounted() const { return mounted_; }
  /// The filter or topic with the listener's mount point before it; empty if there is none.
  std::string mount(std::string_view filter) const;
  bool may_get(Publication& publication) override;
  std::string peer() const override { return transport_ ? transport_->peer() : std::string(); }
  // For who asks about clients that are connected:
  std::uint16_t keep_alive() const { return keep_alive_; }
  bool clean_start() const { return clean_start_; }
  bool is_bridge() const { return bridge_; }
  Seconds connected_for(const OnReactor& here) const;
  std::string transport_kind() const { return transport_->kind(); }
  /// "1883", or the path of a Unix socket.
  std::string at_listener() const { return listener_name(listener(), transport_ ? transport_->descriptor() : -1); }

  /// A reload has changed what its transport has to prove, after it came.
  bool began_before_its_rules() const { return transport_->era != rules().era; }

  // --- in ---
  void ready(const OnReactor& here, std::uint32_t events) override;
  /// Waits for what the socket has; CONNECT must come within a time.
  void start(const OnReactor& here);
  /// Handles what has been read before and was held back.
  void resume(const OnReactor& here);
  /// It has moved here for its session, with its CONNECT and what came behind.
  void come_with_connect(const OnReactor& here, std::string bytes);
  /// Its other end is closed, and what came from there is not read yet. It is read before what comes to the door now.
  bool to_be_heard_out(const OnReactor& here);
  /// Its client is on another connection by now, and it waits until it may publish: that is over, and what is behind is
  /// heard first. False: it does not wait.
  bool hear_rest(const OnReactor& here);
  /// Its client has given it up, and has connected again since.
  bool given_up_for(const Connection& other) const;
  void take_unread(std::string bytes) { unread_ = std::make_unique<Unread>(std::move(bytes)); }
  /// Reads and handles a little of what a slowed publisher has sent  (docs/design.md, Slowing).
  void sip(const OnReactor& here);
  void set_paused(const OnReactor& here, bool paused);
  /// What its transport has and epoll cannot see. False: not now.
  bool read_unseen(const OnReactor& here);
  bool paused() const { return paused_; }
  /// A new configuration may allow it more or less.
  void limit_publishing(const OnReactor& here);

  /// For the log.
  std::string describe() const;

  // --- out ---
  Sent send_publish(Publication& publication, mqtt::PublishHeader header) override;
  void send_pubrel(mqtt::PacketId id) override;
  bool has_room() const override { return out_.bytes() < output_max_; }
  bool make_room() override;
  void send_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode code);
  /// The same, once the store's open round is on the disk (`durability commit`); others come behind it.
  void send_ack_when_stored(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode code);
  /// What it asked for has changed what is kept, if `when_stored`: the answer waits for the disk then, or for those
  /// before it that do. False: it would be above the client's Maximum Packet Size, so it is not sent.
  template <class Encode>
  bool answer(bool when_stored, Encode encode) {
    if (!when_stored && !answers_held_) return send(encode);
    parts_.packet.clear();
    encode(parts_.packet);
    if (maximum_packet_size_ != 0 && parts_.packet.size() > maximum_packet_size_) return false;
    hold_answer(parts_.packet, when_stored);
    return true;
  }
  /// Nothing leaves until the store's open round is on the disk: CONNACK is first.
  void hold_output_until_stored();
  // For HeldAnswers:
  void output_is_free();
  void send_held(const OnReactor& here, std::string_view packets, bool all);
  /// Whatever `encode(std::string& out)` appends, as one packet. False: it would be above the client's Maximum Packet
  /// Size, so it is not sent  [MQTT-3.1.2-24]
  template <class Encode>
  bool send(Encode encode) {
    parts_.packet.clear();
    encode(parts_.packet);
    if (maximum_packet_size_ != 0 && parts_.packet.size() > maximum_packet_size_) return false;
    queue_packet(parts_.packet);
    return true;
  }
  /// Writes what waits. Called once a turn by Connections.
  void flush(const OnReactor& here);

  // --- begin and end ---
  /// A session is attached; from now on the client is there. What CONNECT settled:
  struct Settled {
    mqtt::Version version = mqtt::Version::v5;
    std::uint16_t keep_alive = 0;  ///< seconds; 0: none
    std::uint16_t receive_maximum = mqtt::kReceiveMaximumDefault;
    std::uint32_t maximum_packet_size = 0;
    std::uint16_t topic_alias_maximum = 0;  ///< towards the client
    bool reason_strings = false;
    bool clean_start = false;
    bool bridge = false;
  };
  void established(const OnReactor& here, OwnedSession& session, const Settled& settled);
  void set_version(mqtt::Version version) { version_ = version; }
  /// The client has broken a rule or cannot be served: tells it why, as far as its version can be told, and closes. The
  /// Will goes out.
  void fail(const OnReactor& here, const Error& error);
  /// A CONNECT that is not accepted. `asked`: what it says, if it could be read.
  void refuse(const OnReactor& here, const Error& error, const mqtt::Connect* asked = nullptr);
  /// Another connection has the session now  [MQTT-3.1.4-3], the broker stops, an administrator wants it: as fail(),
  /// with the session left to the caller if `keep_session`.
  void close(const OnReactor& here, mqtt::ReasonCode code, const char* why, bool keep_session) {
    close(here, {{}, why, code}, keep_session);
  }
  /// The client said DISCONNECT; `with_will`: it wants its Will published  (0x04).
  void disconnect(const OnReactor& here, bool with_will);

  /// What the log's lines about its client have in common; with what the views are of.
  struct Named {
    explicit Named(const Connection& of);
    Named(const Named&) = delete;
    std::string address, listener;
    log::Subject subject;
  };
  /// A line of a type that Mosquitto's tools read word by word: nothing is added to the sentence.
  void report_verbatim(LogType type, std::string_view sentence) const;
  /// A line of the log about its client, whether connection_messages are on or off.
  void report(const OnReactor& here, const ClientLine& line) const;

  /// Is the password right? `asked`: it is being found out, and the CONNECT is handled again then.
  enum class Login : std::uint8_t { unknown, asked, right, wrong, too_many };
  Login ask_for_password(const OnReactor& here, std::string_view user, std::string_view password);
  void password_checked(const OnReactor& here, bool right);
  ProvenIdentity identity() const { return transport_->identity(); }

  /// Behind a proxy its address is known only now.  False: its address connects too often (max_connection_rate).
  bool may_connect(const OnReactor& here);

  /// It subscribes or unsubscribes.
  void settling() { settling_ = true; }

  std::unique_ptr<InboundAliases> inbound_aliases;

  /// How far a SUBSCRIBE or UNSUBSCRIBE with many filters has come: it is dealt with in slices, a turn each.
  struct Partial {
    bool checked = false;  ///< the whole packet
    std::size_t next = 0;  ///< of the packet's body
    std::vector<mqtt::ReasonCode> codes;
    bool told = false;  ///< the log, that a filter was refused
  };
  std::unique_ptr<Partial> partial;
  /// The PUBLISH at hand needs the store, which does not keep up: it is handed to its handler again in a while.
  void wait_for_store(const OnReactor& here, const mqtt::Frame& publish);
  /// The packet at hand is handed to its handler again in a while.
  void wait_a_while(const OnReactor& here);
  /// The packet at hand, a PUBLISH, is handed to its handler again when nothing goes before it any more.
  void hold_packet(const OnReactor& here);
  /// The packet at hand is not done: it is handed to its handler again in the next turn, before those after it.
  void hold_slice(const OnReactor& here);

 private:
  friend class Connections;
  friend class Door;
  enum class AtDoor : std::uint8_t { no, coming, going };
  enum class Served { done, in_part, not_yet };

  void come_to_door(const OnReactor& here);
  /// The other end is closed. What came from there before may still lie in the socket.
  void hang_up(const OnReactor& here);
  /// Its CONNECT does.
  void wait_behind(Connection& ahead);
  void count_as_leaving(bool leaving);
  void count_as_connected(int change);
  /// What kept it from being served there is over.
  void wanted_at_door(const OnReactor& here);
  /// Its turn at the door.
  Served serve(const OnReactor& here);
  void read_what_is_fair(const OnReactor& here);
  void read(const OnReactor& here, std::size_t size_max);
  /// Handles whole packets and returns how many bytes they were; sets held_ if more could be handled later.
  std::size_t handle_packets(const OnReactor& here, std::string_view bytes);
  Result<void> handle(const OnReactor& here, const mqtt::Frame& frame, std::string_view from_here);
  [[gnu::noinline]] void handle_connect(const OnReactor& here, const mqtt::Frame& frame, std::string_view from_here);
  void handle_unread(const OnReactor& here);
  void handle_lasting(const OnReactor& here, std::string_view bytes);
  void read_more(const OnReactor& here, std::size_t size_max);
  /// What it took beside its bytes is charged to the turn.
  Transport::Moved read_transport(const OnReactor& here, char* to, std::size_t size_max);
  Transport::Moved receive(const OnReactor& here, char* to, std::size_t size_max);
  void look_for_unseen(const OnReactor& here);
  void heard(const OnReactor& here, bool packet);
  void move_to(const OnReactor& here, ReactorId owner, const std::string& client_id, std::string_view unread);
  void close(const OnReactor& here, const ClientLine& line, bool keep_session);
  void lost(const OnReactor& here, const ClientLine& line);
  void report_end(const OnReactor& here, const ClientLine& line) const;
  void end(const OnReactor& here);
  void hung_up(const OnReactor& here);
  void announce(const log::Subject& of) const;
  void report_connected(bool clean_start) const;
  void leave_session(const OnReactor& here);
  void due(const OnReactor& here) override;  ///< it has been silent for long
  bool has_unheard_bytes() const;            ///< that are about to be read
  void queue_packet(std::string_view packet);
  void hold_answer(std::string_view packet, bool when_stored);
  [[gnu::noinline]] void send_long_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode code);
  bool goes_on_uncopied(Publication& publication, const mqtt::PublishHeader& header) const;
  char* extend(std::size_t size, bool wide = false);
  void mark_dirty(bool wide = false);
  void hold(const OnReactor& here);
  // publish_limits.cc
  enum class Publishes : std::uint8_t { now, later, never };
  /// The PUBLISH at hand, when something may go before it: it is held if it has to come later.
  [[gnu::noinline]] Publishes may_publish(const OnReactor& here, const mqtt::Frame& frame);
  bool may_take_memory(const mqtt::Frame& publish);  ///< though it is short
  void throttle(const OnReactor& here);
  /// True: it goes on.
  bool unthrottle(const OnReactor& here);
  std::size_t unread_bytes() const { return unread_ ? unread_->size() : 0; }
  /// Keeps some of what comes behind that which waits. Gives how much.
  std::size_t read_ahead(const OnReactor& here);
  void go_on_publishing(const OnReactor& here);
  void turn_deaf(const OnReactor& here);
  bool deaf() const { return allowance_ && allowance_->deaf; }
  bool rest_is_there(const OnReactor& here);
  bool write(const OnReactor& here);  ///< false: the other side has closed
  bool replies_pile_up() const;       ///< it asks and does not read the answers: nothing more is read from it
  std::uint32_t wanted_events() const;
  void update_interest(const OnReactor& here);
  [[gnu::noinline]] const mqtt::PublishContent& unmounted(const mqtt::PublishContent& content);
  void choose_alias(mqtt::PublishHeader& header, const mqtt::PublishContent& content);
  bool too_large(const mqtt::PublishHeader& header, const mqtt::PublishContent& content) const;

  ShardParts& parts_;
  std::unique_ptr<Transport> transport_;
  OwnedSession* session_ = nullptr;
  WriteQueue out_;
  std::unique_ptr<Unread> unread_;  ///< an incomplete packet, or what waits for its turn
  std::unique_ptr<TopicMemo> memo_;
  std::unique_ptr<OutboundAliases> outbound_aliases_;
  std::unique_ptr<PublishAllowance> allowance_;  ///< null: it may publish all it likes, and did of late
  SteadyTime heard_{};                           ///< when bytes last came, or were last allowed to
  Connection** waits_at_ = nullptr;              ///< behind another, at the door
  const std::uint64_t number_;
  std::size_t output_max_;
  std::uint32_t index_ = 0;  ///< in Connections
  std::uint32_t place_ = 0;  ///< in the line at the door
  const std::uint32_t listener_;
  std::uint32_t maximum_packet_size_ = 0;
  std::uint32_t interest_ = 0;
  std::uint16_t keep_alive_ = 0;
  std::uint16_t alias_maximum_ = 0;
  State state_ = State::awaiting_connect;
  mqtt::Version version_ = mqtt::Version::v3_1_1;
  AtDoor at_door_ = AtDoor::no;
  Login login_ : 3 = Login::unknown;
  bool output_held_ : 1 = false;  ///< for the disk, from CONNACK on
  bool clean_start_ : 1 = false;
  bool bridge_ : 1 = false;         ///< of another broker
  bool overdue_ : 1 = false;        ///< its time is up, but there were bytes that it had not been heard with
  bool read_since_ : 1 = false;     ///< some of them, and it was no packet
  bool dirty_ = false;              ///< on the list of those who are written to in this turn
  bool late_ = false;               ///< on the list of those who are written to in this turn or one of the next
  bool connect_waits_ : 1 = false;  ///< is first in unread_, for its turn at the door
  bool newcomer_ : 1 = true;        ///< so far it has connected and subscribed, nothing else
  bool settling_ : 1 = false;       ///< and does so in what is read just now
  bool reason_strings_ : 1 = false;
  bool held_ : 1 = false;      ///< on the list of those with packets that wait for their turn
  bool paused_ : 1 = false;    ///< slowed: read a little now and then
  bool blocked_ : 1 = false;   ///< the socket takes no more for now
  bool broken_ : 1 = false;    ///< a write has failed: it ends when the turn does
  bool was_full_ : 1 = false;  ///< since it was last looked whether something waits for room
  bool replaying_ : 1 = false;
  const bool mounted_ : 1;          ///< its listener has a mount point
  bool shaking_hands_ : 1 = false;  ///< its transport is, and has a time for it
  bool unseen_ : 1 = false;         ///< on the list of those whose transport has bytes that epoll cannot see
  bool throttled_ : 1 = false;      ///< held, until it may publish again
  bool rate_counted_ : 1 = false;   ///< its CONNECT, with those of its address
  bool answers_held_ : 1 = false;   ///< some, for the disk
};
static_assert(sizeof(Connection) <= 256, "one of mimalloc's sizes; the next is 320 (docs/design.md, Memory)");

}  // namespace bramble
