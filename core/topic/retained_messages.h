#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/base/time.h"
#include "core/mqtt/application_message.h"
#include "core/sync/quiescence.h"
#include "core/topic/topic.h"

namespace bramble {

/// The last retained message of each topic.  [MQTT-3.3.1-5]
/// Threads: any reactor that is online in `quiescence`, with its own ReactorId. Reading takes no lock; writers share
/// one mutex for the moment of the change. A message that was replaced or removed gives up its count when it is
/// reclaimed, so a reader may share() what it found until its turn ends. A PUBLISH sets, fences (seq_cst), then
/// matches; a SUBSCRIBE sets its bit, fences, then replays: so a message set while a replay goes on is seen by it or
/// delivered live. A replay looks each message up when it gives it, so it gives none older than its subscriber has seen
/// (docs/design.md, Retained). Cost: set and an exact look-up O(levels). About 170 bytes a topic beside the message.
class RetainedMessages {
  struct Node;

 public:
  RetainedMessages(Quiescence& quiescence, std::uint64_t seed);
  ~RetainedMessages();  ///< no reactor runs any more
  RetainedMessages(const RetainedMessages&) = delete;

  /// Replaces the message on its topic; an empty payload removes it.  [MQTT-3.3.1-6] [MQTT-3.3.1-7]
  /// Gives the bytes that who keeps them has more to write for it, or to remove; 0: no more than before.
  std::size_t set(ReactorId here, MessagePtr message);

  /// Nothing when there is none; the caller looks at the expiry.
  MessagePtr find(std::string_view topic) const;

  /// What is left to send of one filter: a few topics' numbers, or the next of all numbers. Owned by a session across
  /// turns; holds no pointer into the tree.
  class Replay {
   public:
    const std::string& filter() const { return filter_; }
    /// Nodes that begin() and slots that next() has looked at so far: what a replay costs, 20 to 100 ns each, when few
    /// of them match.
    std::uint32_t looked() const { return walked_ + next_ - began_; }
    /// The slot that it looks at next: a replay from there on gives what is left of this one, if that has an order.
    std::uint32_t slot() const { return wide_ ? next_ : next_ < end_ ? found_[next_] : kSlotsMax; }

   private:
    friend class RetainedMessages;
    std::string filter_;
    std::vector<std::uint32_t> found_;  // narrow: the topics' slots
    std::uint32_t walked_ = 0;          // nodes, at begin()
    std::uint32_t began_ = 0;           // where next_ was at begin()
    std::uint32_t next_ = 0;            // place in found_; wide: the slot
    std::uint32_t end_ = 0;             // of found_; wide: of the slots there were at begin()
    bool wide_ = false;
  };
  /// `filter` without a share name. `from`: by rising slot, without those below it; nothing: all, in any order, which
  /// is quicker. Bounded work: at most 10,000 steps in the tree.
  Replay begin(std::string_view filter, std::optional<std::uint32_t> from = std::nullopt) const;
  /// Appends up to `most` messages that are there now and have not expired, after a look at a bounded number of slots
  /// (so it may append none and still not be done). False when done.
  bool next(Replay& replay, SteadyTime now, std::size_t most, std::vector<MessagePtr>& out) const;

  /// One who sweeps: where it stands. Several may, at any time.
  struct Sweep {
    std::uint32_t slot = 0;
  };
  /// Removes messages whose expiry has passed among the next `slots` slots, unless they were replaced meanwhile, and
  /// appends them to `removed`. True when the sweep came to the end and starts again from the beginning.
  bool expire(ReactorId here, SteadyTime now, Sweep& sweep, std::size_t slots, std::vector<MessagePtr>& removed);

  // --- for who keeps them ---
  /// Notes from now on which slots have changed. Before reactors run.
  void note_changes() { notes_changes_ = true; }
  /// A topic has one slot, and a number, from its first message until that is removed without another.
  struct Change {
    std::uint32_t slot = 0;
    MessagePtr message;  ///< what is there now; null: nothing
  };
  /// Appends up to `most` of those that have changed since they were taken last. True: there are more. Any thread.
  /// Cost: the mutex, for as long as it takes.
  bool take_changes(std::size_t most, std::vector<Change>& out);
  /// Puts a message where it was, in its slot; those between are free. Nothing is noted. Before reactors run, on one
  /// thread, by rising slot. False: its topic has another slot already, or there is no such slot.
  bool restore(std::uint32_t slot, MessagePtr message);

  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  ///< messages and what holds them
  std::size_t nodes() const { return nodes_; }  ///< of the tree, without the root. Only while nobody writes

 private:
  using Slot = std::atomic<std::uint64_t>;  // 0, a Node*, or free: the number of the next free one << 1 | 1
  static constexpr std::uint32_t kChunkBits = 10;
  static constexpr std::uint32_t kChunks = 21;
  static constexpr std::uint32_t kSlotsMax = ((1u << kChunks) - 1) << kChunkBits;

  Node* walk(std::string_view topic) const;
  Node& walk_or_make(ReactorId here, std::string_view topic);
  std::size_t put(ReactorId here, Node& node, MessagePtr message);
  std::size_t take(ReactorId here, Node& node);
  void retire(ReactorId here, const ApplicationMessage* message);
  void prune(ReactorId here, Node* node);
  void weigh(std::size_t more, std::size_t less);
  static const ApplicationMessage* message_of(const Node& node);
  Slot* slot(std::uint32_t number) const;
  Node* node_in(std::uint32_t number) const;
  std::uint32_t take_slot();
  void give_slot(std::uint32_t number);
  Slot& make_slot(std::uint32_t number);
  std::size_t note_change(const Node& node, const ApplicationMessage& message, std::size_t before);
  bool collect(Replay& replay) const;

  Quiescence& quiescence_;
  const SeededHash hash_;
  Node* const root_;
  std::array<std::atomic<Slot*>, kChunks>
      chunks_{};                             // chunk i has 1024 << i slots; made once, never freed before the end
  std::atomic<std::uint32_t> slots_end_{0};  // slots below it have been used
  std::atomic<std::size_t> count_{0};
  std::atomic<std::size_t> bytes_{0};

  std::mutex mutex_;                       // guards all changes, and:
  std::uint32_t free_slot_ = 0xFFFF'FFFF;  // the first of the chain; all ones: none
  std::size_t nodes_ = 0;
  bool notes_changes_ = false;
  std::vector<std::uint32_t> changed_;  ///< slots, each once
  std::vector<bool> is_changed_;        ///< by slot
};

}  // namespace bramble
