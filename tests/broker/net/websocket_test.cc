#include "broker/net/websocket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <doctest/doctest.h>

#include "core/websocket/client_frames.h"

namespace bramble {
namespace {

/// What goes to and fro below a WebSocket.
struct Line {
  std::string in;
  std::string out;
  bool blocked = false;
  std::size_t room = SIZE_MAX;  ///< for so many bytes more
};

class OnLine final : public Transport {
 public:
  explicit OnLine(Line& line) : line_(line) {}
  int descriptor() const override { return -1; }
  Moved read(char* to, std::size_t size) override {
    const std::size_t taken = std::min(size, line_.in.size());
    std::memcpy(to, line_.in.data(), taken);
    line_.in.erase(0, taken);
    return {taken, taken == 0 ? State::would_block : State::open};
  }
  Moved write(std::span<const iovec> pieces) override {
    if (line_.blocked) return {0, State::would_block};
    Moved moved;
    for (const iovec& piece : pieces) {
      const std::size_t taken = std::min(piece.iov_len, line_.room);
      line_.out.append(static_cast<const char*>(piece.iov_base), taken);
      line_.room -= taken;
      moved.bytes += taken;
    }
    if (line_.room == 0) moved.state = State::would_block;
    return moved;
  }
  void finish() override {}
  std::string peer() const override { return "127.0.0.1:9"; }

 private:
  Line& line_;
};

/// An open one.
class Opened {
 public:
  explicit Opened(std::string_view header = "")
      : transport_(make_websocket_transport(std::make_unique<OnLine>(line), std::make_shared<ListenerRules>(), 4096)) {
    line.in = upgrade_request({.host = "localhost"});
    line.in.insert(line.in.size() - 2, header);
    read();
    REQUIRE(transport_->established());
    line.out.clear();
  }
  Transport& operator*() { return *transport_; }
  Transport* operator->() { return transport_.get(); }

  Transport::Moved read() { return transport_->read(bytes_.data(), bytes_.size()); }
  std::string_view came(std::size_t size) const { return {bytes_.data(), size}; }
  void send(std::string_view payload, Opcode opcode = Opcode::binary) {
    append_client_frame(line.in, payload, 0x01020304, opcode);
  }
  Transport::Moved write(std::string text) {
    const iovec piece{text.data(), text.size()};
    return transport_->write({&piece, 1});
  }

  Line line;

 private:
  std::unique_ptr<Transport> transport_;
  std::array<char, 4096> bytes_{};
};

}  // namespace

TEST_CASE("RFC 6455 5.5.3: pings of a client that does not read take no memory, and the latest is answered") {
  Opened socket;
  socket.line.blocked = true;
  for (int i = 0; i < 10'000; ++i) {
    socket.send("ping " + std::to_string(i) + std::string(100, '.'), Opcode::ping);
    CHECK(socket.read().state == Transport::State::would_block);
  }
  CHECK(socket->wants_write());
  socket.line.blocked = false;
  socket->write({});
  CHECK_FALSE(socket->wants_write());
  CHECK(socket.line.out.size() < 4096);
  CHECK(socket.line.out.find("ping 9999.") != std::string::npos);
}

TEST_CASE("pongs wait until our frame is whole") {
  for (const std::size_t room : {1u, 3u}) {  // in the header, in the packet
    CAPTURE(room);
    Opened socket;
    socket.line.room = room;
    const std::size_t first = socket.write("\x40\x02id").bytes;
    CHECK(first == (room == 3 ? 1 : 0));
    socket.send("now", Opcode::ping);
    socket.read();
    socket.line.room = SIZE_MAX;
    CHECK(socket.write(std::string("\x40\x02id").substr(first)).bytes == 4 - first);
    CHECK(socket.line.out == std::string("\x82\x04\x40\x02id\x8A\x03now"));
  }
}

TEST_CASE("pongs go behind the frame that has begun, however much else waits and however little the socket takes") {
  const std::string packet("\x30\x03\x01tx"), both = packet + packet;
  for (const std::string_view header : {"", "Sec-WebSocket-Extensions: permessage-deflate\r\n"}) {
    Opened socket(header);
    socket.line.room = 4;  // in the first packet
    const std::size_t first = socket.write(both).bytes;
    REQUIRE(first == 2);
    socket.send("now", Opcode::ping);
    socket.read();
    const std::string frame = header.empty() ? "\x82\x05" + packet : "\x82\x0A" + both;
    const std::string expected = frame + "\x8A\x03now\x82";
    std::string left = both.substr(first);
    for (int round = 0; round < 40 && socket.line.out.size() < expected.size(); ++round) {
      socket.line.room = 1;
      left.erase(0, socket.write(left).bytes);
      left += packet;  // there is always more
    }
    CHECK(socket.line.out == expected);
  }
}

TEST_CASE("each packet has a frame of its own, in one write") {
  Opened socket;
  CHECK(socket.write("\x40\x02id\xD0\x02..\x30\x03\x01tx").bytes == 13);
  CHECK(socket.line.out == std::string("\x82\x04\x40\x02id\x82\x04\xD0\x02..\x82\x05\x30\x03\x01tx"));
}

TEST_CASE("of a client that offers extensions, as browsers do, all that is written together has one frame") {
  Opened socket("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
  CHECK(socket.write("\x40\x02id\xD0\x02..").bytes == 8);
  CHECK(socket.line.out == std::string("\x82\x08\x40\x02id\xD0\x02.."));
}

TEST_CASE("RFC 6455 5.5.1: the close goes out behind what answers the packets before it, and nothing behind it") {
  for (const bool text : {false, true}) {
    Opened socket;
    socket.send("a question");
    if (text) {
      socket.send("words", Opcode::text);
    } else {
      socket.send(std::string_view("\x03\xE8", 2), Opcode::close);
    }
    socket.send("not heard any more");
    const auto moved = socket.read();
    CHECK(socket.came(moved.bytes) == "a question");
    CHECK(moved.state == Transport::State::open);
    CHECK(socket->has_unseen_bytes());  // the end
    CHECK(socket.read().state == Transport::State::closed);
    socket.write("\x40\x07 answer");
    socket->finish();
    CHECK(socket.line.out == std::string("\x82\x09"
                                         "\x40\x07 answer\x88\x02\x03") +
                                 (text ? '\xEB' : '\xE8'));
  }
}

}  // namespace bramble
