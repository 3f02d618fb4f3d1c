#pragma once

// CONTRACT (to be completed by the implementation)
//
// class RetainedMessages: the last retained message of each topic. Reading takes no lock; writers share one small mutex
// (or one a part). Values are freed through Quiescence: an entry gives up its payload when it is reclaimed, not when it
// is unlinked, so a reader inside its turn may MessagePtr::share() what it found.
//   RetainedMessages(Quiescence&, std::uint64_t seed);
//   void set(ReactorId here, MessagePtr message);     // replaces; an empty payload removes [MQTT-3.3.1-6] [MQTT-3.3.1-7]
//                                                     // ends with the value visible; the caller fences (seq_cst) before it matches
//   class Replay: what is left to send of one filter. Small, owned by the session; survives across turns and holds no pointer
//       into the tree: its only cursor is a slot number (a narrow filter may keep the few slot numbers it found).
//   Replay begin(const TopicFilter&) const;           // bounded work: a wide filter becomes a scan by slot number
//   /// Up to `most` live messages, looked up now, and at most a bounded number of slots looked at; false when done.
//   bool next(Replay&, SteadyTime now, std::size_t most, std::vector<MessagePtr>& out) const;
//   void expire(ReactorId here, SteadyTime now, ...);  // a sliced sweep that removes messages whose expiry has passed, only if
//                                                      // the value is still the one that was seen (a rising version)
//   std::size_t count() const; std::size_t bytes() const;   // for $SYS
