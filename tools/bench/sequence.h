#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "core/base/time.h"

namespace bramble::bench {

/// What every payload starts with: whose it is, the how-manieth of theirs it is, and when it should have left.
/// On the wire: magic u16, run u16, stream u32, sequence u64, nanoseconds of the steady clock u64, all big endian.
struct Stamp {
  static constexpr std::size_t kBytes = 24;

  std::uint16_t run = 0;       ///< drawn by each run: what an earlier one left in the broker is not taken for its own
  std::uint32_t stream = 0;    ///< usually a publisher's number
  std::uint64_t sequence = 0;  ///< from 0, without gaps
  SteadyTime intended{};

  void write(char* to) const;                                  ///< kBytes bytes
  static std::optional<Stamp> read(std::string_view payload);  ///< nothing: not from a bramble-bench
};

/// What became of one or more streams of numbered messages.
struct Tally {
  std::uint64_t received = 0;    ///< all arrivals, duplicates included
  std::uint64_t lost = 0;        ///< sent and never seen
  std::uint64_t duplicates = 0;  ///< arrivals of a message that was already seen
  std::uint64_t reordered = 0;   ///< first arrivals after a message that was sent later

  Tally& operator+=(const Tally& other);
  bool operator==(const Tally&) const = default;
};

/// Follows one publisher's messages as one subscriber sees them, and says exactly which were lost, came twice or came
/// late: it remembers every gap until it is filled.
/// Cost: O(1) in order; O(log gaps) otherwise. At most kGapsMax gaps are kept: beyond that the oldest is given up as
/// lost, and a message that still fills it would count as a duplicate.  Threads: a value of one thread.
class SequenceChecker {
 public:
  static constexpr std::size_t kGapsMax = 65'536;

  enum class Joins { at_first, anywhere };  ///< anywhere: the first message seen starts the count
  explicit SequenceChecker(Joins joins = Joins::at_first) : joined_(joins == Joins::at_first) {}

  /// Whether that one is the next.
  bool in_order(std::uint64_t sequence) const { return sequence == next_; }
  /// Whether it had not been seen before.
  bool arrived(std::uint64_t sequence) {
    ++received_;
    if (sequence == next_) [[likely]] {
      ++next_;
      return joined_ = true;
    }
    return out_of_line(sequence);
  }
  /// `sent`: how many messages there were; if not known, only gaps count as lost.
  Tally tally(std::optional<std::uint64_t> sent) const;

 private:
  bool out_of_line(std::uint64_t sequence);
  bool fill(std::uint64_t sequence);  ///< false: it was not missing

  std::uint64_t next_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t reordered_ = 0;
  bool joined_;
  std::map<std::uint64_t, std::uint64_t> gaps_;  ///< first missing -> one past the last
};

}  // namespace bramble::bench
