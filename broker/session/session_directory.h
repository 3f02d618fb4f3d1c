#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/base/strong.h"

namespace bramble {

class OwnedSession;

/// Client Identifier -> the reactor that owns its session for life, and, for that reactor, the session.
/// Threads: any, a small lock a slice; touched at CONNECT and when a session ends, never for a PUBLISH.
class SessionDirectory {
 public:
  explicit SessionDirectory(std::uint64_t seed);

  /// Who owns `client_id`; `here` does from now on if nobody did. If it is another reactor, a connection for it is in
  /// transit from now on, and the entry stays until the owner has said arrived().
  ReactorId claim(std::string_view client_id, ReactorId here);

  bool knows(std::string_view client_id) const;

  // --- the owner ---
  OwnedSession* session(std::string_view client_id) const;  ///< null: none yet, or it has ended
  /// The same for who may not be the owner (any more): null then, too.
  OwnedSession* session(std::string_view client_id, ReactorId owner) const;
  void set_session(std::string_view client_id, OwnedSession& session);
  /// The session has ended. The entry goes unless a connection is in transit, or a Will of it is yet `will_due`: until
  /// that is out, nothing of the client may be said by another reactor.
  void release(std::string_view client_id, bool will_due = false);
  void will_is_out(std::string_view client_id);
  /// A session of the client has ended that is on the disk yet: until its end is there, whoever comes with the client
  /// id comes to the owner, who tells nobody that it is gone. Once for each session that ends so.
  void end_is_told(std::string_view client_id);
  void end_is_stored(std::string_view client_id);
  bool ends_unstored(std::string_view client_id) const;  ///< one of them is not on the disk yet
  /// It has received a connection that was in transit. The entry goes if the session has, and no other is in transit:
  /// the connection claims the client anew.
  void arrived(std::string_view client_id);

  /// The same for all sessions that a client ever has, and never 0.
  PublisherId publisher_id(std::string_view client_id) const { return PublisherId{publishers_(client_id) | 1}; }
  /// As they were numbered before a restart, with that seed. Before the first session.
  void number_publishers_by(std::uint64_t seed) { publishers_ = SeededHash(seed); }

  std::size_t size() const;

  /// For who looks at all of it: the clients that have a session, and who owns it, slice by slice; others may come and
  /// go in between.  Cost: a copy of 1/256 of the client ids, under the lock of that slice.
  static constexpr std::size_t kSlices = 256;
  std::vector<std::pair<std::string, ReactorId>> clients(std::size_t slice) const;

 private:
  struct Entry {
    ReactorId owner;
    std::uint32_t in_transit = 0;
    bool will_due = false;
    std::uint32_t ends_unstored = 0;
    OwnedSession* session = nullptr;  ///< only the owner reads what it points to
  };
  struct Hash {  // seeded: clients choose their identifiers
    using is_transparent = void;
    SeededHash hash;
    std::size_t operator()(std::string_view text) const { return hash(text); }
  };
  struct Slice {
    explicit Slice(const SeededHash& hash) : entries(0, Hash{hash}) {}
    mutable std::mutex mutex;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
  };
  /// The entry goes if nothing needs it.
  static void tidy(Slice& slice, decltype(Slice::entries)::iterator found);
  Slice& slice(std::string_view client_id);
  const Slice& slice(std::string_view client_id) const;

  const SeededHash hash_;
  SeededHash publishers_;
  std::deque<Slice> slices_;  // not a vector: a mutex cannot be moved
};

}  // namespace bramble
