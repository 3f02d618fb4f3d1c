#pragma once

// CONTRACT (to be completed by the implementation; see docs in the header of each class)
//
// struct SharedGroup (core/topic/shared_group.h): one ($share name, filter). Fields: FilterId id; std::string name; and for
// each reactor two counts, online and absent members, written by that reactor alone (relaxed atomics), read by anyone.
//
// class Filter: what the table keeps of one Topic Filter (share name taken off). Lives while any reactor's bit is set or it
// has a SharedGroup; freed through Quiescence.
//   FilterId id() const; std::string_view text() const; std::uint64_t hash
//   std::uint64_t reactors() const;   // acquire; bit r: reactor r has plain subscribers
//   std::uint64_t durable() const;    // bit r: reactor r has a persistent session on it (the store will ask)
//   groups(): the SharedGroups of this filter, for a reader inside its turn (may be none: must cost one load of null)
//
// class SubscriptionTable
//   SubscriptionTable(Quiescence&, unsigned reactors, std::uint64_t seed);
//   Filter& add(ReactorId here, const TopicFilter&);          // finds or makes; sets here's bit. No-op if set (no lock then)
//   Filter* find(const TopicFilter&) const;
//   void remove(ReactorId here, Filter&);                     // clears here's bit; unlinks when unused
//   void set_durable(ReactorId here, Filter&, bool);
//   SharedGroup& join(ReactorId here, const TopicFilter&, bool online);   // finds or makes filter and group; counts one member
//   void count(ReactorId here, SharedGroup&, int online_change, int absent_change);  // no lock
//   void leave(ReactorId here, SharedGroup&, bool online);    // counts one less; unlinks group and filter when unused
//   using Matches = SmallVector-like list of Filter*  (reused by the caller; no allocation in steady state)
//   void match(TopicName, Matches& out) const;                // lock-free; out is cleared first
//   struct Versions { std::uint32_t index, local, global; };
//   Versions versions(TopicName) const;                        // read BEFORE match
//   bool current(const Versions&) const;                       // nothing that could change the match happened since
//   std::size_t filters() const;                               // how many, for $SYS
