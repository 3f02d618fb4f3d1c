#include "tools/bench/sequence.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace bramble::bench;

namespace {

using Stream = std::vector<std::uint64_t>;

Stream in_order(std::uint64_t count) {
  Stream stream(count);
  for (std::uint64_t i = 0; i < count; ++i) stream[i] = i;
  return stream;
}

Tally check_stream(const Stream& stream, std::optional<std::uint64_t> sent,
                   SequenceChecker::Joins joins = SequenceChecker::Joins::at_first) {
  SequenceChecker checker(joins);
  for (const auto sequence : stream) checker.arrived(sequence);
  return checker.tally(sent);
}

/// Tally by the definitions alone: a set of all that was seen, and the highest number so far.
Tally plain_tally(const Stream& stream, std::uint64_t sent) {
  Tally tally;
  std::set<std::uint64_t> seen;
  for (const auto sequence : stream) {
    ++tally.received;
    if (seen.contains(sequence)) {
      ++tally.duplicates;
      continue;
    }
    if (!seen.empty() && sequence < *seen.rbegin()) ++tally.reordered;
    seen.insert(sequence);
  }
  tally.lost = sent - seen.size();
  return tally;
}

}  // namespace

TEST_CASE("a stream in order has nothing lost, doubled or out of order") {
  CHECK(check_stream(in_order(1'000), 1'000) == Tally{.received = 1'000});
}

TEST_CASE("a relay that drops messages is caught with exactly as many lost") {
  Stream stream = in_order(1'000);
  stream.erase(stream.begin() + 999);                        // the last one: only the sender's count tells
  stream.erase(stream.begin() + 500, stream.begin() + 510);  // a run of ten
  stream.erase(stream.begin());                              // the first
  CHECK(check_stream(stream, 1'000) == Tally{.received = 988, .lost = 12});
}

TEST_CASE("a relay that doubles messages is caught with exactly as many duplicates") {
  Stream stream = in_order(1'000);
  stream.insert(stream.begin() + 10, 10);  // at once
  stream.insert(stream.begin() + 700, 3);  // much later
  stream.push_back(999);                   // after the end
  stream.push_back(999);
  CHECK(check_stream(stream, 1'000) == Tally{.received = 1'004, .duplicates = 4});
}

TEST_CASE("a relay that swaps messages is caught with one out of order for each swap") {
  Stream stream = in_order(1'000);
  std::swap(stream[0], stream[1]);
  std::swap(stream[500], stream[501]);
  std::swap(stream[998], stream[999]);
  CHECK(check_stream(stream, 1'000) == Tally{.received = 1'000, .reordered = 3});
}

TEST_CASE("a message held back behind a hundred others is one out of order, not a hundred") {
  Stream stream = in_order(1'000);
  std::rotate(stream.begin() + 200, stream.begin() + 201, stream.begin() + 301);
  CHECK(check_stream(stream, 1'000) == Tally{.received = 1'000, .reordered = 1});
}

TEST_CASE("a late message that then comes again is out of order once and a duplicate once") {
  CHECK(check_stream({0, 1, 3, 2, 2, 4}, 5) == Tally{.received = 6, .duplicates = 1, .reordered = 1});
}

TEST_CASE("drops, doubles and swaps in one stream are told apart") {
  Stream stream = in_order(100);
  std::swap(stream[80], stream[81]);
  stream.insert(stream.begin() + 60, 50);
  stream.erase(stream.begin() + 20);
  CHECK(check_stream(stream, 100) == Tally{.received = 100, .lost = 1, .duplicates = 1, .reordered = 1});
}

TEST_CASE("the checker agrees with a plain set on any stream") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::uint64_t sent = 1 + random() % 300;
    Stream stream;
    for (const auto sequence : in_order(sent)) {
      const auto luck = random() % 10;
      if (luck == 0) continue;
      stream.push_back(sequence);
      if (luck == 1) stream.push_back(random() % (sequence + 1));
    }
    for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
      if (random() % 5 == 0) std::swap(stream[i], stream[std::min(i + 1 + random() % 20, stream.size() - 1)]);
    }
    REQUIRE(check_stream(stream, sent) == plain_tally(stream, sent));
  }
}

TEST_CASE("one who joins late misses nothing of what came before") {
  CHECK(check_stream({500, 501, 503}, std::nullopt, SequenceChecker::Joins::anywhere) ==
        Tally{.received = 3, .lost = 1});
}

TEST_CASE("gaps beyond the limit still count as lost") {
  SequenceChecker checker;
  const std::uint64_t gaps = SequenceChecker::kGapsMax + 1'000;
  for (std::uint64_t i = 0; i < gaps; ++i) checker.arrived(2 * i + 1);
  CHECK(checker.tally(2 * gaps) == Tally{.received = gaps, .lost = gaps});
}

TEST_CASE("a stamp comes back as it was written, and a foreign payload gives none") {
  const Stamp stamp{.run = 0xBEEF,
                    .stream = 0xFEDCBA98,
                    .sequence = 0x0123456789ABCDEF,
                    .intended = bramble::SteadyTime(std::chrono::nanoseconds(0x7766554433221100))};
  std::string payload(Stamp::kBytes, '\0');
  stamp.write(payload.data());
  const auto read = Stamp::read(payload + "tail");
  REQUIRE(read);
  CHECK(read->run == stamp.run);
  CHECK(read->stream == stamp.stream);
  CHECK(read->sequence == stamp.sequence);
  CHECK(read->intended == stamp.intended);
  CHECK_FALSE(Stamp::read(std::string_view(payload).substr(1)));
  CHECK_FALSE(Stamp::read(std::string_view(payload).substr(0, Stamp::kBytes - 1)));
  CHECK_FALSE(Stamp::read(""));
}
