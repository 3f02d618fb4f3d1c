#include "broker/net/packet_frames.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/random.h"

namespace bramble {

namespace {

using testing::Random;
using testing::test_seed;

/// With so many bytes behind its fixed header.
std::string packet(std::size_t length) {
  std::string bytes = "\x30";
  std::size_t left = length;
  do {
    bytes.push_back(static_cast<char>(left % 128 + (left >= 128 ? 128 : 0)));
    left /= 128;
  } while (left > 0);
  return bytes + std::string(length, static_cast<char>('a' + length % 26));
}

/// The payloads of unmasked frames.
std::vector<std::string> payloads(std::string_view stream) {
  std::vector<std::string> all;
  while (!stream.empty()) {
    REQUIRE(stream.size() >= 2);
    REQUIRE(static_cast<unsigned char>(stream[0]) == 0x82);
    std::size_t size = static_cast<unsigned char>(stream[1]), at = 2;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (more != 0) size = 0;
    for (; at < 2 + more; ++at) size = size * 256 + static_cast<unsigned char>(stream[at]);
    REQUIRE(stream.size() >= at + size);
    all.emplace_back(stream.substr(at, size));
    stream.remove_prefix(at + size);
  }
  return all;
}

/// Each in memory of its own, so that ASan sees its ends.
std::vector<iovec> cut(std::vector<std::unique_ptr<char[]>>& keep, std::string_view stream, std::size_t piece) {
  std::vector<iovec> pieces;
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size()))) {
    const std::string_view some = stream.substr(0, piece);
    keep.push_back(std::make_unique<char[]>(some.size()));
    std::ranges::copy(some, keep.back().get());
    pieces.push_back({keep.back().get(), some.size()});
  }
  return pieces;
}

/// Writes all of it, at most `most` bytes at a time. Gives what came out.
std::string write(PacketFrames& frames, std::string_view stream, std::size_t piece, std::size_t most) {
  std::string out;
  const auto room = std::make_unique<PacketFrames::Room>();
  while (!stream.empty()) {
    std::vector<std::unique_ptr<char[]>> keep;
    const auto pieces = cut(keep, stream, piece);
    const auto filled = frames.fill(*room, pieces);
    REQUIRE_FALSE(filled.empty());
    std::size_t taken = 0;
    for (const iovec& each : filled) {
      const std::size_t size = std::min(each.iov_len, most - taken);
      out.append(static_cast<const char*>(each.iov_base), size);
      taken += size;
    }
    stream.remove_prefix(frames.written(taken, pieces));
  }
  return out;
}

}  // namespace

TEST_CASE("each packet is in a frame of its own, however long it is, and wherever it was cut and writing stopped") {
  Random random(test_seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> packets;
    std::string stream;
    for (std::uint64_t i = random.below(80) + 1; i > 0; --i) {
      const std::size_t longest[] = {3, 130, 1'200, 20'000};
      packets.push_back(packet(random.below(longest[random.below(4)])));
      stream += packets.back();
    }
    const std::size_t piece = random.one_in(2) ? stream.size() : random.below(3'000) + 5;
    const std::size_t most = random.one_in(2) ? stream.size() * 2 : random.below(5'000) + 1;
    CAPTURE(piece);
    CAPTURE(most);
    PacketFrames frames;
    CHECK(payloads(write(frames, stream, piece, most)) == packets);
    CHECK(frames.between_frames());
  }
}

TEST_CASE("what is filled at once can be one frame, wherever it was cut and writing stopped") {
  Random random(test_seed());
  for (int round = 0; round < 300; ++round) {
    PacketFrames frames;
    frames.hold(PacketFrames::Holds::all);
    const std::string stream = packet(random.below(500)) + packet(random.below(40'000));
    const std::size_t piece = stream.size() / (random.below(60) + 1) + 1;
    const std::size_t most = random.one_in(2) ? stream.size() * 2 : random.below(5'000) + 1;
    CAPTURE(piece);
    CAPTURE(most);
    CHECK(payloads(write(frames, stream, piece, most)) == std::vector<std::string>{stream});
    CHECK(frames.between_frames());
  }
}

TEST_CASE("a packet that comes in parts is in one frame: its first part says how long it is") {
  PacketFrames frames;
  const std::string whole = packet(70'000), behind = packet(0);
  std::string out = write(frames, whole.substr(0, 5'000), 5'000, 100'000);
  CHECK_FALSE(frames.between_frames());
  out += write(frames, whole.substr(5'000), 65'000, 100'000);
  out += write(frames, behind, 2, 100'000);
  CHECK(payloads(out) == std::vector<std::string>{whole, behind});
}

TEST_CASE("small packets in one piece stay in one piece, large ones are not copied") {
  PacketFrames frames;
  const std::string small = packet(10) + packet(20) + packet(30), large = packet(5'000);
  std::vector<iovec> pieces{{const_cast<char*>(small.data()), small.size()},
                            {const_cast<char*>(large.data()), large.size()}};
  const auto room = std::make_unique<PacketFrames::Room>();
  const auto filled = frames.fill(*room, pieces);
  REQUIRE(filled.size() == 2);
  CHECK(filled[0].iov_len == small.size() + 3 * 2 + 4);
  CHECK(filled[1].iov_base == large.data());
}

}  // namespace bramble
