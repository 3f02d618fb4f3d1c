#include "broker/connection/write_queue.h"

#include <cstring>
#include <doctest/doctest.h>
#include <string>

#include "core/base/turn_buffer.h"
#include "tests/support/random.h"

namespace bramble {
namespace {

/// Takes as much as it is told to, and keeps it.
class Wire final : public Transport {
 public:
  int descriptor() const override { return -1; }
  Moved read(char*, std::size_t) override { return {}; }
  Moved write(std::span<const iovec> pieces) override {
    ++writes;
    pieces_max = std::max(pieces_max, pieces.size());
    Moved moved;
    for (const iovec& piece : pieces) {
      const std::size_t size = std::min(piece.iov_len, takes - moved.bytes);
      bytes.append(static_cast<const char*>(piece.iov_base), size);
      moved.bytes += size;
    }
    if (moved.bytes == takes) moved.state = State::would_block;
    return moved;
  }
  void finish() override {}
  std::string peer() const override { return "nobody"; }

  std::string bytes;
  std::size_t takes = SIZE_MAX;
  std::size_t pieces_max = 0;
  int writes = 0;
};

LocalMessage message(const std::string& payload) { return LocalMessage(MessagePtr::make({"t", {}, payload}, {})); }

TEST_CASE("what is queued leaves in its order, whatever part of it each write takes") {
  testing::Random random(testing::test_seed());
  for (int run = 0; run < 200; ++run) {
    WriteQueue queue;
    Wire wire;
    auto turn = std::make_unique<TurnBuffer>();
    std::string expected;
    for (int step = 0; step < 60; ++step) {
      if (random.one_in(6)) {  // the turn ends: what it had in its memory is there no more
        queue.own();
        CHECK_FALSE(queue.lasts_one_turn());
        turn = std::make_unique<TurnBuffer>();
      }
      const std::string piece = random.bytes(random.one_in(5) ? random.between(0, 3000) : random.between(1, 40));
      if (random.one_in(3) && !piece.empty()) {
        const LocalMessage keeper = message(piece);  // which lives on in the queue alone
        queue.append_reference(keeper->payload(), keeper);
        expected += piece;
      } else if (random.one_in(3) && !piece.empty()) {
        char* const bytes = turn->room(piece.size());
        turn->take(piece.size());
        std::memcpy(bytes, piece.data(), piece.size());
        queue.append_lasting({bytes, piece.size()});
        expected += piece;
      } else if (random.one_in(2)) {
        queue.append(piece);
        expected += piece;
      } else if (!piece.empty()) {
        std::memcpy(queue.extend(piece.size()), piece.data(), piece.size());
        expected += piece;
      }
      if (random.one_in(4) && !queue.empty()) {
        wire.takes = random.one_in(4) ? SIZE_MAX : random.between(0, 2000);
        queue.flush(wire);
      }
      REQUIRE(queue.bytes() == expected.size() - wire.bytes.size());
      REQUIRE(expected.starts_with(wire.bytes));
    }
    wire.takes = SIZE_MAX;
    while (!queue.empty()) queue.flush(wire);
    REQUIRE(wire.bytes == expected);
  }
}

TEST_CASE("hundreds of references take several writes of 64 pieces at most, and keep their order") {
  WriteQueue queue;
  Wire wire;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const LocalMessage keeper = message("payload " + std::to_string(i));
    if (i % 3 != 0) queue.append("head");
    if (i % 3 != 0) expected += "head";
    queue.append_reference(keeper->payload(), keeper);
    expected += keeper->payload();
  }
  queue.append("tail");
  expected += "tail";
  CHECK(queue.flush(wire).bytes == expected.size());  // a flush ends when all is gone, or the wire takes no more
  CHECK(queue.empty());
  CHECK(wire.bytes == expected);
  CHECK(wire.pieces_max <= 64);
  CHECK(wire.writes > 4);
}

TEST_CASE("a write that takes nothing leaves all, and what is thrown away is gone") {
  WriteQueue queue;
  Wire wire;
  wire.takes = 0;
  const LocalMessage keeper = message("large");
  queue.append("small");
  queue.append_reference(keeper->payload(), keeper);
  CHECK(queue.flush(wire).state == Transport::State::would_block);
  CHECK(queue.bytes() == 10);
  CHECK(wire.writes == 1);
  queue.clear();
  CHECK(queue.empty());
  wire.takes = SIZE_MAX;
  queue.append("after");
  queue.flush(wire);
  CHECK(wire.bytes == "after");
}

}  // namespace
}  // namespace bramble
