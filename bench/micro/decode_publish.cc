#include <benchmark/benchmark.h>
#include <string>

#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "core/topic/topic.h"

// A 64-byte PUBLISH with a 22-byte topic: the frame found, then decoded, then its topic checked.

namespace bramble::mqtt {

namespace {

constexpr std::string_view kTopic = "site/17/dev/40412/temp";

std::string packet(Version version, Qos qos, bool with_properties) {
  PublishHeader header;
  header.qos = qos;
  if (qos != Qos::at_most_once) header.packet_id = 4711;
  if (with_properties) {
    header.topic_alias = 7;
    header.message_expiry = 60;
  }
  PublishContent content{kTopic, {}, {}};
  if (with_properties) content.properties.pieces[0] = std::string_view("\x01\x01", 2);
  const std::string payload(64 - publish_size(version, header, content), 'x');
  content.payload = payload;
  std::string bytes;
  append_publish(bytes, version, header, content);
  return bytes;
}

void frame(benchmark::State& state) {
  const std::string bytes = packet(Version::v3_1_1, Qos::at_most_once, false);
  for (auto _ : state) {
    const char* data = bytes.data();
    benchmark::DoNotOptimize(data);
    benchmark::DoNotOptimize(next_frame({data, bytes.size()}, 0));
  }
}
BENCHMARK(frame);

void decode(benchmark::State& state, Version version, Qos qos, bool with_properties) {
  const std::string bytes = packet(version, qos, with_properties);
  for (auto _ : state) {
    const char* data = bytes.data();
    benchmark::DoNotOptimize(data);
    const auto found = next_frame({data, bytes.size()}, 0);
    benchmark::DoNotOptimize(decode_publish(*found, version));
  }
}
BENCHMARK_CAPTURE(decode, v3_1_1_qos_0, Version::v3_1_1, Qos::at_most_once, false);
BENCHMARK_CAPTURE(decode, v3_1_1_qos_1, Version::v3_1_1, Qos::at_least_once, false);
BENCHMARK_CAPTURE(decode, v5_no_properties, Version::v5, Qos::at_most_once, false);
BENCHMARK_CAPTURE(decode, v5_alias_expiry_format, Version::v5, Qos::at_most_once, true);

void topic_name(benchmark::State& state) {
  const std::string topic(kTopic);
  for (auto _ : state) {
    std::string_view bytes = topic;
    benchmark::DoNotOptimize(bytes);
    benchmark::DoNotOptimize(TopicName::parse(bytes));
  }
}
BENCHMARK(topic_name);

}  // namespace

}  // namespace bramble::mqtt
