#include "broker/net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <vector>

#include "tests/support/packets.h"

namespace bramble {
namespace {

using testing::operator""_hex;

/// What a client's end sends: a piece for each read, then nothing more yet.
class Pieces final : public Transport {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  int descriptor() const override { return -1; }
  Moved read(char* to, std::size_t size) override {
    if (next_ == pieces_.size()) return {0, State::would_block};
    std::string& piece = pieces_[next_];
    const std::size_t taken = std::min(size, piece.size());
    std::memcpy(to, piece.data(), taken);
    piece.erase(0, taken);
    if (piece.empty()) ++next_;
    return {taken, State::open};
  }
  Moved write(std::span<const iovec>) override { return {}; }
  void finish() override {}
  std::string peer() const override { return "127.0.0.1:9"; }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

struct Outcome {
  bool closed = false;
  bool established = false;
  std::string peer;
  std::string name;
  std::string rest;  ///< what came behind the header
  std::string fault;
};

Outcome read(unsigned version, std::vector<std::string> pieces, bool require_tls = false) {
  ListenerOptions options;
  options.enable_proxy_protocol = static_cast<std::uint16_t>(version);
  options.proxy_protocol_v2_require_tls = require_tls;
  const std::size_t reads = 3 * pieces.size() + 5;  // large pieces take more than one
  const auto transport = make_proxied_transport(std::make_unique<Pieces>(std::move(pieces)), options);
  Outcome outcome;
  for (std::size_t i = 0; i < reads && !outcome.closed; ++i) {
    std::array<char, 4096> bytes;
    const auto moved = transport->read(bytes.data(), bytes.size());
    outcome.rest.append(bytes.data(), moved.bytes);
    outcome.closed = moved.state == Transport::State::closed;
  }
  outcome.established = transport->established();
  outcome.peer = transport->peer();
  outcome.name = transport->identity().identity;
  outcome.fault = transport->fault();
  return outcome;
}

/// The outcome, which must be the same however the bytes are cut in two, and byte by byte.
Outcome read_in_any_pieces(unsigned version, const std::string& bytes, bool require_tls = false) {
  const Outcome whole = read(version, {bytes}, require_tls);
  std::vector<std::vector<std::string>> ways(1);
  for (const char byte : bytes) ways[0].emplace_back(1, byte);
  for (std::size_t at = 1; at < bytes.size(); ++at) ways.push_back({bytes.substr(0, at), bytes.substr(at)});
  for (const auto& way : ways) {
    const Outcome cut = read(version, way, require_tls);
    CAPTURE(way.front().size());
    CHECK(cut.closed == whole.closed);
    CHECK(cut.established == whole.established);
    CHECK(cut.peer == whole.peer);
    CHECK(cut.name == whole.name);
    CHECK(cut.rest == whole.rest);
    CHECK(cut.fault == whole.fault);
  }
  return whole;
}

void check_taken(unsigned version, const std::string& header, const std::string& peer) {
  CAPTURE(testing::to_hex(header));
  const Outcome outcome = read_in_any_pieces(version, header + "MQTT");
  CHECK_FALSE(outcome.closed);
  CHECK(outcome.established);
  CHECK(outcome.peer == peer);
  CHECK(outcome.rest == "MQTT");
}

void check_refused(unsigned version, const std::string& header) {
  CAPTURE(testing::to_hex(header));
  const Outcome outcome = read_in_any_pieces(version, header);
  CHECK(outcome.closed);
  CHECK_FALSE(outcome.established);
  CHECK(outcome.rest.empty());
  CHECK(outcome.fault.find("PROXY header") != std::string::npos);
}

const std::string kSignature = "0D 0A 0D 0A 00 0D 0A"_hex + "QUIT\n";
const std::string kAddresses = "CB 00 71 07 7F 00 00 01 12 67 07 5B"_hex;  // 203.0.113.7:4711 to 127.0.0.1:1883
const std::string kByTls = "20 00 12"_hex;                                 // the SSL TLV's type and length
const std::string kName = "22 00 05"_hex + "alice";
const std::string kTlsVersion = "21 00 02"_hex + "13";

std::string version2(const std::string& behind_addresses) {
  const std::size_t size = kAddresses.size() + behind_addresses.size();
  return kSignature + "21 11"_hex + static_cast<char>(size >> 8) + static_cast<char>(size & 0xFF) + kAddresses +
         behind_addresses;
}

}  // namespace

TEST_CASE("PROXY 1: the client's address and what follows the header, in any pieces") {
  check_taken(1, "PROXY TCP4 203.0.113.7 127.0.0.1 4711 1883\r\n", "203.0.113.7:4711");
  check_taken(1, "PROXY TCP6 2001:db8::7 ::1 65535 0\r\n", "[2001:db8::7]:65535");
  check_taken(1, "PROXY UNKNOWN\r\n", "127.0.0.1:9");
  check_taken(1, "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "127.0.0.1:9");
}

TEST_CASE("PROXY 1: what is no header closes the connection") {
  for (const std::string line : {
           "PROXY TCP4 203.0.113.7 127.0.0.1 4711\r\n",
           "PROXY TCP4 203.0.113.7 127.0.0.1 4711 1883 5\r\n",
           "PROXY TCP4 203.0.113 127.0.0.1 4711 1883\r\n",
           "PROXY TCP4 203.0.113.7 127.0.0.1 4711 65536\r\n",
           "PROXY TCP4 203.0.113.7 127.0.0.1 -1 1883\r\n",
           "PROXY TCP4 203.0.113.7 127.0.0.1 4711 \r\n",
           "PROXY TCP4  203.0.113.7 127.0.0.1 4711 1883\r\n",
           "PROXY TCP4 ::1 ::1 4711 1883\r\n",
           "PROXY TCP6 203.0.113.7 127.0.0.1 4711 1883\r\n",
           "PROXY UDP4 203.0.113.7 127.0.0.1 4711 1883\r\n",
           "PROXY \r\n",
           "proxy TCP4 203.0.113.7 127.0.0.1 4711 1883\r\n",
           "PROXI",
       }) {
    check_refused(1, line);
  }
  check_refused(1, std::string("PROXY TCP4 203.0.113.7\0x 127.0.0.1 4711 1883\r\n", 47));
  check_refused(1, version2(""));
  check_refused(1, "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n");               // 108 bytes
  check_taken(1, "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "127.0.0.1:9");  // 107, the most there may be
}

TEST_CASE("PROXY 2: the client's address and what follows the header, in any pieces") {
  check_taken(2, version2(""), "203.0.113.7:4711");
  check_taken(2, version2("04 00 03 000000"_hex + "02 00 01 'x'"_hex), "203.0.113.7:4711");
  check_taken(2,
              kSignature + "21 21 00 24"_hex + "2001 0DB8 0000 0000 0000 0000 0000 0007"_hex +
                  "0000 0000 0000 0000 0000 0000 0000 0001"_hex + "1267 075B"_hex,
              "[2001:db8::7]:4711");
  check_taken(2, kSignature + "20 00 00 00"_hex, "127.0.0.1:9");
  check_taken(2, kSignature + "20 11 00 0C"_hex + kAddresses, "127.0.0.1:9");
  check_taken(2, kSignature + "21 00 00 00"_hex, "127.0.0.1:9");
  check_taken(2, kSignature + "21 31 00 D8"_hex + std::string(216, '\0'), "127.0.0.1:9");
}

TEST_CASE("PROXY 2: a header of 2048 bytes is taken, and of 2049 not") {
  const auto padded = [](std::size_t size) {
    const std::size_t left = size - 16 - kAddresses.size() - 3;
    return version2("04"_hex + static_cast<char>(left >> 8) + static_cast<char>(left & 0xFF) + std::string(left, '\0'));
  };
  check_taken(2, padded(2048), "203.0.113.7:4711");
  CHECK(read(2, {padded(2049)}).closed);
}

TEST_CASE("PROXY 2: what is no header closes the connection") {
  check_refused(2, "PROXY TCP4 203.0.113.7 127.0.0.1 4711 1883\r\n");
  check_refused(2, "0D 0A 0D 0A 00 0D 0A"_hex + "QUIX\n");
  check_refused(2, kSignature + "11 11 00 0C"_hex + kAddresses);                // version 1
  check_refused(2, kSignature + "22 11 00 0C"_hex + kAddresses);                // no such command
  check_refused(2, kSignature + "21 11 00 0B"_hex + kAddresses.substr(0, 11));  // half an address
  check_refused(2, kSignature + "21 11 FF FF"_hex);                             // longer than is taken
  check_refused(2, version2("04 00"_hex));                                      // half a TLV
  check_refused(2, version2("04 00 02 00"_hex));
  check_refused(2, version2("20 00 04 01 00000000"_hex.substr(0, 7)));  // an SSL TLV without its fixed part
  check_refused(2, version2("20 00 07 01 00000000 22 00"_hex));         // and with half of one inside
}

TEST_CASE("PROXY 2: the name in a certificate counts if the client showed it and the proxy verified it") {
  const auto name = [](const std::string& flags_and_verify) {
    return read_in_any_pieces(2, version2(kByTls + flags_and_verify + kTlsVersion + kName)).name;
  };
  CHECK(name("03 00000000"_hex) == "alice");
  CHECK(name("07 00000000"_hex) == "alice");
  CHECK(name("05 00000000"_hex) == "alice");  // earlier in the session that this connection resumes
  CHECK(name("01 00000000"_hex).empty());
  CHECK(name("03 00000001"_hex).empty());
  CHECK(name("00 00000000"_hex).empty());
}

TEST_CASE("PROXY 2: proxy_protocol_v2_require_tls closes who came without") {
  CHECK_FALSE(read_in_any_pieces(2, version2(kByTls + "01 00000000"_hex + kTlsVersion + kName), true).closed);
  for (const auto& behind : {std::string(), kByTls + "00 00000000"_hex + kTlsVersion + kName}) {
    const Outcome outcome = read_in_any_pieces(2, version2(behind), true);
    CHECK(outcome.closed);
    CHECK(outcome.fault.find("proxy_protocol_v2_require_tls") != std::string::npos);
  }
}

TEST_CASE(
    "PROXY 2: a health check of the proxy needs no TLS, and is nobody's way round proxy_protocol_v2_require_tls") {
  for (const auto& local : {kSignature + "20 00 00 00"_hex, kSignature + "20 11 00 0C"_hex + kAddresses,
                            kSignature + "20 00 00 08"_hex + kByTls.substr(0, 2) + "05 01 00000000"_hex}) {
    const Outcome checked = read_in_any_pieces(2, local, true);
    CHECK_FALSE(checked.closed);
    CHECK_FALSE(checked.established);
    CHECK(checked.fault.empty());
    const Outcome more = read_in_any_pieces(2, local + "M", true);
    CHECK(more.closed);
    CHECK_FALSE(more.established);
    CHECK(more.rest.empty());
    CHECK(more.fault.find("proxy_protocol_v2_require_tls") != std::string::npos);
  }
}

}  // namespace bramble
