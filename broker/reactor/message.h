#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "broker/reactor/on_reactor.h"
#include "broker/reactor/transport.h"
#include "core/base/pile.h"
#include "core/base/strong.h"
#include "core/base/time.h"
#include "core/mqtt/application_message.h"
#include "core/session/publication.h"

namespace bramble {

class Users;

/// One PUBLISH for one other reactor: the filters it matched that have subscribers there, by id, because an id that has
/// died finds nothing while a pointer would have to be kept alive across queues.
struct Entry {
  MessagePtr message;                         ///< null: `passed`
  std::optional<Publication::Passed> passed;  ///< in Handoff::packets
  FilterId filter{};                          ///< if there is only one
  std::uint32_t first_filter = 0;             ///< else, in Handoff::filters
  std::uint32_t filter_count = 0;
  /// all: every subscriber of every filter gets it. The others: the one filter is a $share group's id and one member
  /// gets it, if one has room for it now, or (when no reactor's member had) room in its queue.
  enum class To : std::uint8_t { all, member_with_room, member_with_queue } to = To::all;
  bool late = false;        ///< it belongs to the round before the Handoff's
  std::uint64_t asked = 0;  ///< a bit for each reactor whose members were asked in vain
};

/// All that one turn of one reactor has to deliver on another.
struct Handoff {
  SteadyTime posted{};
  std::uint64_t place = 0;  ///< in the inbox it goes to
  std::uint64_t round = 0;  ///< the sender's, of the store; 0: nothing is kept
  std::size_t bytes = 0;    ///< what it adds to the inbox's level
  std::vector<Entry> entries;
  std::vector<FilterId> filters;
  Pile packets;  ///< outputs may refer to one until the turn ends in which it was delivered

  /// `to` get the message of the entry that is returned.
  Entry& add(std::span<const FilterId> to) {
    Entry& entry = entries.emplace_back();
    entry.filter_count = static_cast<std::uint32_t>(to.size());
    if (to.size() == 1) {
      entry.filter = to[0];
    } else {
      entry.first_filter = static_cast<std::uint32_t>(filters.size());
      filters.insert(filters.end(), to.begin(), to.end());
    }
    return entry;
  }
  /// What it occupies, without the messages.
  std::size_t memory() const {
    return entries.capacity() * sizeof(Entry) + filters.capacity() * sizeof(FilterId) + packets.memory();
  }
  std::span<const FilterId> filters_of(const Entry& entry) const {
    if (entry.filter_count == 1) return {&entry.filter, 1};
    return std::span(filters).subspan(entry.first_filter, entry.filter_count);
  }
};

/// A socket that a listener accepted.
struct ConnectionAccepted {
  std::unique_ptr<Transport> transport;
  std::uint32_t listener = 0;
  std::uint64_t number = 0;  ///< Mesh::next_number
};

/// A connection whose session lives here: its socket and what was read from it, the CONNECT first
/// (docs/design.md, Moving).
struct ConnectionMoved {
  ConnectionAccepted accepted;
  std::string unread;
  std::string client_id;
  std::shared_ptr<const Users> password_known_by{};  ///< it was right, before it moved, by these
};

/// The sender's inbox has fallen below its level: whoever was slowed for it may go on.
struct InboxEased {
  ReactorId inbox;
};

/// Something the broker itself publishes (log lines), to be routed by the receiver.
struct BrokerPublish {
  MessagePtr message;
};

/// The password of the connection with this number was right, or wrong.
struct PasswordChecked {
  std::uint64_t connection = 0;
  bool right = false;
};

/// What the store asks of a reactor, in this order, for each round; told when it is on the disk  (broker/store).
struct RoundStep {
  enum class What : std::uint8_t { close, collect, stored } what = What::close;
  std::uint64_t round = 0;
};

class MessageHandler;

/// Something that main wants done, or told, by what a reactor runs: a reload, a question of the control socket.
class Errand {
 public:
  virtual ~Errand() = default;
  /// A slice of it, once a turn. True: there is more.
  virtual bool run(const OnReactor& here, MessageHandler& shard) = 0;
};

struct Stop {};

/// Everything that one thread may say to a reactor.
using Message = std::variant<std::unique_ptr<Handoff>, ConnectionAccepted, std::unique_ptr<ConnectionMoved>, InboxEased,
                             BrokerPublish, PasswordChecked, RoundStep, std::unique_ptr<Errand>, Stop>;

}  // namespace bramble
