#include "tools/bench/repeated_publish.h"

#include "core/mqtt/frame.h"

namespace bramble::bench {

RepeatedPublish::RepeatedPublish(mqtt::Version version, mqtt::PublishHeader header, const mqtt::PublishContent& content)
    : qos_(header.qos) {
  header.packet_id = qos_ == mqtt::Qos::at_most_once ? 0 : 1;
  mqtt::append_publish(bytes_, version, header, content);
  const std::size_t body_at = bytes_.size() - mqtt::next_frame(bytes_, 0)->body.size();
  packet_id_at_ = body_at + 2 + (header.topic_omitted ? 0 : content.topic.size());
  payload_at_ = bytes_.size() - content.payload.size();
}

}  // namespace bramble::bench
