#include "core/mqtt/decode.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "core/mqtt/encode.h"
#include "core/topic/match.h"
#include "core/topic/topic.h"

// Any bytes as a stream of packets: frames and every decoder. What is decoded is encoded and decoded again and must be
// the same. The first byte chooses version and sender, the rest is the stream.

namespace bramble::mqtt {

namespace {

std::string joined(const ForwardedProperties& properties) {
  std::string all;
  for (const auto piece : properties.pieces) all += piece;
  return all;
}

Frame only_frame(const std::string& bytes) {
  const auto frame = next_frame(bytes, 0);
  check(frame && frame->size == bytes.size(), "what we encode is one packet");
  return *frame;
}

void check_inside(std::string_view view, const Frame& frame) {
  if (view.empty()) return;
  check(view.data() >= frame.body.data() && view.data() + view.size() <= frame.body.data() + frame.body.size(),
        "a view points into the packet");
}

void connect(const Frame& frame) {
  const auto first = decode_connect(frame);
  if (!first) return;
  std::string bytes;
  append_connect(bytes, *first);
  const auto again = decode_connect(only_frame(bytes));
  check(again.has_value(), "CONNECT");
  check(again->version == first->version && again->bridge == first->bridge && again->keep_alive == first->keep_alive &&
            again->clean_start == first->clean_start && again->client_id == first->client_id &&
            again->user_name == first->user_name && again->password == first->password &&
            again->session_expiry == first->session_expiry && again->receive_maximum == first->receive_maximum &&
            again->maximum_packet_size == first->maximum_packet_size &&
            again->topic_alias_maximum == first->topic_alias_maximum &&
            again->request_response_information == first->request_response_information &&
            again->request_problem_information == first->request_problem_information &&
            again->authentication_method == first->authentication_method &&
            again->authentication_data == first->authentication_data &&
            again->will.has_value() == first->will.has_value(),
        "CONNECT is the same");
  if (!first->will) return;
  check(again->will->topic == first->will->topic && again->will->payload == first->will->payload &&
            again->will->qos == first->will->qos && again->will->retain == first->will->retain &&
            again->will->delay_seconds == first->will->delay_seconds &&
            again->will->message_expiry == first->will->message_expiry &&
            joined(again->will->properties) == joined(first->will->properties),
        "the Will is the same");
}

void publish(const Frame& frame, Version version, Sender sender) {
  const auto first = decode_publish(frame, version, sender);
  if (!first) return;
  check_inside(first->topic, frame);
  check_inside(first->payload, frame);
  for (const auto piece : first->properties.pieces) check_inside(piece, frame);
  if (first->topic_alias == 0) return;  // the receiver refuses it, the encoder has no word for it
  const PublishHeader header{.qos = first->qos,
                             .retain = first->retain,
                             .dup = first->dup,
                             .packet_id = first->packet_id,
                             .message_expiry = first->message_expiry,
                             .topic_alias = first->topic_alias.value_or(0),
                             .topic_omitted = first->topic.empty()};
  const PublishContent content{first->topic, first->properties, first->payload};
  std::string bytes;
  append_publish(bytes, version, header, content);
  check(bytes.size() == publish_size(version, header, content), "publish_size");
  const auto again = decode_publish(only_frame(bytes), version, sender);
  check(again && again->topic == first->topic && again->payload == first->payload && again->qos == first->qos &&
            again->retain == first->retain && again->dup == first->dup && again->packet_id == first->packet_id &&
            again->topic_alias == first->topic_alias && again->message_expiry == first->message_expiry &&
            again->payload_format == first->payload_format && again->response_topic == first->response_topic &&
            joined(again->properties) == joined(first->properties),
        "PUBLISH is the same");
  if (const auto topic = TopicName::parse(first->topic)) {
    check(matches("#", topic->view()) == !topic->reserved(), "'#' matches all topics but those with '$'");
    const auto filter = TopicFilter::parse(first->topic);
    if (filter && !filter->shared()) check(matches(filter->filter(), topic->view()), "a topic matches itself");
  }
}

void subscribe(const Frame& frame, Version version) {
  const auto first = decode_subscribe(frame, version);
  if (!first) return;
  std::string bytes;
  append_subscribe(bytes, version, *first);
  const auto again = decode_subscribe(only_frame(bytes), version);
  check(again && again->packet_id == first->packet_id && again->entries.size() == first->entries.size() &&
            again->subscription_identifier == first->subscription_identifier,
        "SUBSCRIBE is the same");
  for (std::size_t i = 0; i < first->entries.size(); ++i) {
    const auto& entry = first->entries[i];
    check(again->entries[i].filter == entry.filter && again->entries[i].options == entry.options, "its entries too");
    if (const auto filter = TopicFilter::parse(entry.filter)) {
      check(!filter->filter().empty() && entry.filter.ends_with(filter->filter()), "a filter is a part of its text");
    }
  }
}

void unsubscribe(const Frame& frame, Version version) {
  const auto first = decode_unsubscribe(frame, version);
  if (!first) return;
  std::string bytes;
  append_unsubscribe(bytes, version, *first);
  const auto again = decode_unsubscribe(only_frame(bytes), version);
  check(again && again->packet_id == first->packet_id && again->filters == first->filters, "UNSUBSCRIBE is the same");
}

void ack(const Frame& frame, Version version) {
  const auto first = decode_ack(frame, version);
  if (!first) return;
  std::string bytes;
  append_ack(bytes, version, frame.type, first->packet_id, first->code);
  const auto again = decode_ack(only_frame(bytes), version);
  check(again && again->packet_id == first->packet_id && again->code == first->code, "the acknowledgement is the same");
}

void disconnect(const Frame& frame, Version version, Sender sender) {
  const auto first = decode_disconnect(frame, version, sender);
  if (!first) return;
  std::string bytes;
  append_disconnect(bytes, version, first->code);
  const auto again = decode_disconnect(only_frame(bytes), version, sender);
  check(again && again->code == first->code, "DISCONNECT is the same");
}

void auth(const Frame& frame, Version version) {
  const auto first = decode_auth(frame, version);
  if (!first || !first->authentication_method) return;
  std::string bytes;
  append_auth(bytes, first->code, *first->authentication_method);
  const auto again = decode_auth(only_frame(bytes), version);
  check(again && again->code == first->code && again->authentication_method == first->authentication_method,
        "AUTH is the same");
}

void connack(const Frame& frame, Version version) {
  const auto first = decode_connack(frame, version);
  if (!first || failed(first->code)) return;  // a refusal has no Session Present
  std::string bytes;
  append_connack(bytes, version, *first);
  const auto again = decode_connack(only_frame(bytes), version);
  check(again && again->code == first->code && again->session_expiry == first->session_expiry &&
            again->receive_maximum == first->receive_maximum && again->maximum_qos == first->maximum_qos &&
            again->retain_available == first->retain_available &&
            again->maximum_packet_size == first->maximum_packet_size &&
            again->assigned_client_identifier == first->assigned_client_identifier &&
            again->topic_alias_maximum == first->topic_alias_maximum && again->reason_string == first->reason_string &&
            again->server_keep_alive == first->server_keep_alive &&
            again->response_information == first->response_information,
        "CONNACK is the same");
}

void decode(const Frame& frame, Version version, Sender sender) {
  switch (frame.type) {
    case PacketType::connect: return connect(frame);
    case PacketType::connack: return connack(frame, version);
    case PacketType::publish: return publish(frame, version, sender);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: return ack(frame, version);
    case PacketType::subscribe: return subscribe(frame, version);
    case PacketType::suback:
    case PacketType::unsuback: static_cast<void>(decode_suback(frame, version)); return;
    case PacketType::unsubscribe: return unsubscribe(frame, version);
    case PacketType::pingreq:
    case PacketType::pingresp: static_cast<void>(decode_pingreq(frame)); return;
    case PacketType::disconnect: return disconnect(frame, version, sender);
    case PacketType::auth: return auth(frame, version);
    case PacketType::reserved: check(false, "next_frame refuses type 0");
  }
}

}  // namespace

}  // namespace bramble::mqtt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble::mqtt;
  if (size == 0) return 0;
  const Version version = data[0] % 3 == 0 ? Version::v3_1 : data[0] % 3 == 1 ? Version::v3_1_1 : Version::v5;
  const Sender sender = data[0] & 0x80 ? Sender::server : Sender::client;
  const std::string stream(reinterpret_cast<const char*>(data) + 1, size - 1);  // of its own, so that ASan sees its end
  std::string_view left = stream;
  while (!left.empty()) {
    const auto frame = next_frame(left, 1 << 20, version);
    if (!frame || frame->size == 0) break;
    decode(*frame, version, sender);
    left.remove_prefix(frame->size);
  }
  return 0;
}
