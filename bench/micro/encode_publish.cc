#include <array>
#include <benchmark/benchmark.h>
#include <cstring>
#include <string>

#include "core/base/bytes.h"
#include "core/mqtt/encode.h"
#include "core/session/publication.h"

// One PUBLISH for one subscriber: sized, its head written, its payload copied or not.

namespace bramble::mqtt {

namespace {

constexpr PublishContent kContent{"site/17/dev/40412/temp", {}, "an Application Message as small as most"};

void encode(benchmark::State& state, Version version, const PublishHeader& header) {
  std::string out(256, '\0');
  for (auto _ : state) {
    const std::size_t head = publish_head_size(version, header, kContent);
    char* payload = write_publish_head(out.data(), version, header, kContent);
    benchmark::DoNotOptimize(head);
    benchmark::DoNotOptimize(payload);
    benchmark::ClobberMemory();
  }
}

constexpr std::array<std::uint32_t, 1> kIds{300};
constexpr PublishHeader kQos0{};
constexpr PublishHeader kQos1{.qos = Qos::at_least_once, .packet_id = 4711};
constexpr PublishHeader kAll{.qos = Qos::at_least_once,
                             .packet_id = 4711,
                             .message_expiry = 60,
                             .topic_alias = 3,
                             .subscription_identifiers = kIds};

BENCHMARK_CAPTURE(encode, v3_1_1_qos_0, Version::v3_1_1, kQos0);
BENCHMARK_CAPTURE(encode, v3_1_1_qos_1, Version::v3_1_1, kQos1);
BENCHMARK_CAPTURE(encode, v5_qos_0, Version::v5, kQos0);
BENCHMARK_CAPTURE(encode, v5_all, Version::v5, kAll);

void append(benchmark::State& state, Version version, const PublishHeader& header) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_publish(out, version, header, kContent);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(append, v3_1_1_qos_0, Version::v3_1_1, kQos0);
BENCHMARK_CAPTURE(append, v3_1_1_qos_1, Version::v3_1_1, kQos1);
BENCHMARK_CAPTURE(append, v5_qos_0, Version::v5, kQos0);
BENCHMARK_CAPTURE(append, v5_all, Version::v5, kAll);

/// One subscriber more, whose packet has been encoded for another: a copy, and its Packet Identifier put in.
void shared_copy(benchmark::State& state, Version version, const PublishHeader& header) {
  TurnBuffer buffer;
  Publication publication(kContent, ApplicationMessage::Facts{}, SteadyTime{}, buffer);
  std::string out(256, '\0');
  for (auto _ : state) {
    const auto frame = publication.shared_frame(version, header);
    std::memcpy(out.data(), frame.bytes.data(), frame.bytes.size());
    if (frame.packet_id) ByteWriter(out.data() + (frame.packet_id - frame.bytes.data())).u16(header.packet_id);
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(shared_copy, v3_1_1_qos_0, Version::v3_1_1, kQos0);
BENCHMARK_CAPTURE(shared_copy, v3_1_1_qos_1, Version::v3_1_1, kQos1);
BENCHMARK_CAPTURE(shared_copy, v5_qos_0, Version::v5, kQos0);

void puback(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_ack(out, Version::v5, PacketType::puback, 4711);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(puback);

}  // namespace

}  // namespace bramble::mqtt
