#include "tests/support/client.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace bramble::testing {

Connack try_connect(RawClient& client, const Connect& connect, Where where) {
  client.send(encode(connect));
  return parse_connack(connect.version, client.read_packet(where), where);
}

Connect persistent(Version version, const std::string& client_id) {
  Connect connect{.version = version, .client_id = client_id, .clean_start = false};
  if (version == Version::v5) connect.properties = property(Prop::session_expiry, 60);
  return connect;
}

void expect_connect_refused(const Broker& broker, Version version, const std::string& bytes,
                            std::initializer_list<unsigned> codes, Where where) {
  RawClient client(broker.port(), where);
  client.send(bytes);
  const std::optional<RawPacket> packet = client.read_packet_or_close(where);
  if (!packet) return;
  if (version != Version::v5) fail_at(where, "a close was expected, this came: " + to_hex(packet->bytes));
  const Connack connack = parse_connack(version, *packet, where);
  if (std::find(codes.begin(), codes.end(), connack.code) == codes.end()) {
    fail_at(where, "this CONNACK came: " + to_hex(packet->bytes));
  }
  client.expect_close(where);
}

void let_pass(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

Client::Client(const Broker& broker, Connect connect, Where where)
    : RawClient(broker.port(), where), version_(connect.version) {
  if (connect.client_id.empty()) connect.client_id = unique_name("client");
  id_ = connect.client_id;
  connack_ = try_connect(*this, connect, where);
  if (connack_.code != 0) fail_at(where, "refused with " + to_hex(u8(connack_.code)));
}

std::vector<std::uint8_t> Client::subscribe(const std::vector<Filter>& filters, const std::string& properties,
                                            Where where) {
  const unsigned id = next_packet_id();
  send(encode_subscribe(version_, id, filters, properties));
  const Suback suback = parse_suback(version_, await(PacketType::suback, where), where);
  if (suback.packet_id != id) fail_at(where, "SUBACK for another Packet Identifier");
  return suback.codes;
}

void Client::subscribe(const std::string& filter, unsigned options, const std::string& properties, Where where) {
  const std::vector<std::uint8_t> codes = subscribe(std::vector<Filter>{{filter, options}}, properties, where);
  if (codes != std::vector<std::uint8_t>{static_cast<std::uint8_t>(options & 3)}) {
    fail_at(where, "not granted as asked: " + filter);
  }
}

std::vector<std::uint8_t> Client::unsubscribe(const std::vector<std::string>& filters, Where where) {
  const unsigned id = next_packet_id();
  send(encode_unsubscribe(version_, id, filters));
  const Suback unsuback = parse_suback(version_, await(PacketType::unsuback, where), where);
  if (unsuback.packet_id != id) fail_at(where, "UNSUBACK for another Packet Identifier");
  return unsuback.codes;
}

std::uint8_t Client::publish(Publish publish, Where where) {
  if (publish.qos > 0 && publish.packet_id == 0) publish.packet_id = next_packet_id();
  send(encode(version_, publish));
  if (publish.qos == 0) {
    ping(where);
    return 0;
  }
  const PacketType answer = publish.qos == 1 ? PacketType::puback : PacketType::pubrec;
  const Ack first = parse_ack(version_, await(answer, where), where);
  if (first.packet_id != publish.packet_id) fail_at(where, "answered with another Packet Identifier");
  if (publish.qos == 1 || first.code >= 0x80) return first.code;
  send(encode_ack(PacketType::pubrel, publish.packet_id));
  const Ack last = parse_ack(version_, await(PacketType::pubcomp, where), where);
  if (last.packet_id != publish.packet_id || last.code != 0) fail_at(where, "not the PUBCOMP of this PUBLISH");
  return first.code;
}

Message Client::receive(Where where) { return parse_publish(version_, read_packet(where), where); }

std::vector<Message> Client::drain(Where where) {
  send("C0 00"_hex);
  std::vector<Message> messages;
  for (;;) {
    const RawPacket packet = read_packet(where);
    if (packet.type() == PacketType::pingresp) return messages;
    messages.push_back(parse_publish(version_, packet, where));
  }
}

Message Client::take(Where where) {
  Message message = receive(where);
  acknowledge(message, where);
  return message;
}

void Client::acknowledge(const Message& message, Where where) {
  if (message.qos == 0) return;
  if (message.qos == 1) return send(encode_ack(PacketType::puback, message.packet_id));
  send(encode_ack(PacketType::pubrec, message.packet_id));
  const Ack pubrel = parse_ack(version_, await(PacketType::pubrel, where), where);
  if (pubrel.packet_id != message.packet_id) fail_at(where, "PUBREL for another Packet Identifier");
  send(encode_ack(PacketType::pubcomp, message.packet_id));
}

Ack Client::receive_ack(PacketType type, Where where) {
  const Ack ack = parse_ack(version_, read_packet(where), where);
  if (ack.type != type) fail_at(where, "an acknowledgement of another type came");
  return ack;
}

void Client::disconnect(unsigned code, const std::string& properties) {
  send(encode_disconnect(version_, code, properties));
  drop();
}

unsigned Client::next_packet_id() { return last_packet_id_ = last_packet_id_ % 65'535 + 1; }

}  // namespace bramble::testing
