#include "bench/counts/scenarios.h"

#include <array>
#include <utility>

#include "core/mqtt/encode.h"

namespace bramble::counts {

namespace {

using mqtt::Qos;
using mqtt::Version;

constexpr unsigned kBurst = 16;

struct Shape {
  Qos qos = Qos::at_most_once;
  unsigned burst = kBurst;
  std::size_t payload = 64;
  Version version = Version::v3_1_1;
  bool alias = false;
  bool subscription_identifier = false;
  bool retain = false;
};

struct Burst {
  std::string bytes;
  unsigned next_id = 1;

  void add(const Shape& shape, std::string_view topic, mqtt::PublishHeader header = {}) {
    header.qos = shape.qos;
    header.retain = shape.retain;
    if (shape.qos != Qos::at_most_once) header.packet_id = static_cast<mqtt::PacketId>(next_id++);
    const std::string payload(shape.payload, 'x');
    mqtt::append_publish(bytes, shape.version, header, {topic, {}, payload});
  }
};

/// `shape.burst` PUBLISH to one topic.
std::string burst_to(const Shape& shape, std::string_view topic) {
  Burst burst;
  for (unsigned i = 0; i < shape.burst; ++i) {
    mqtt::PublishHeader header;
    if (shape.alias) header.topic_alias = 1;
    header.topic_omitted = shape.alias;
    burst.add(shape, topic, header);
  }
  return burst.bytes;
}

ClientOptions client(const Shape& shape, std::string id, std::vector<std::string> filters = {}) {
  ClientOptions options;
  options.id = std::move(id);
  options.version = shape.version;
  options.filters = std::move(filters);
  options.qos = shape.qos;
  if (shape.alias) options.topic_alias_maximum = 10;
  if (shape.subscription_identifier) options.subscription_identifier = 7;
  return options;
}

struct Voice {
  ScriptedClient* client;
  std::string bytes;
};

/// Everybody says the same again in every round.
Plan repeat(std::vector<Voice> voices, std::size_t rounds, std::uint64_t deliveries_a_round) {
  Plan plan;
  plan.rounds = rounds;
  plan.deliveries = rounds * deliveries_a_round;
  plan.offer = [said = std::move(voices)](const OnReactor&, std::size_t) {
    for (const Voice& voice : said) voice.client->say(voice.bytes);
  };
  return plan;
}

/// 200 rules, of which one lets everybody have what the scenarios use.
std::string acl_of_200() {
  std::string text;
  for (unsigned i = 0; i < 66; ++i) {
    const std::string at = "site/" + std::to_string(i);
    text += "topic read " + at + "/+/state\ntopic deny " + at + "/secret/#\npattern write " + at + "/%c/#\n";
  }
  return text + "topic readwrite site/17/#\ntopic readwrite w/#\n";
}

std::string pair_topic(unsigned i) { return "site/17/pair/" + std::to_string(i) + "/temp"; }

/// Publishers and as many subscribers, a topic for each pair.
Plan pairs(Scene& scene, const OnReactor& here, const Shape& shape, unsigned count, std::size_t rounds) {
  std::vector<Voice> voices;
  for (unsigned i = 0; i < count; ++i) {
    const std::string topic = pair_topic(i);
    scene.connect(here, client(shape, "subscriber" + std::to_string(i), {topic}));
    ScriptedClient& publisher = scene.connect(here, client(shape, "publisher" + std::to_string(i)));
    if (shape.alias) {  // the first says what the alias stands for
      Burst first;
      mqtt::PublishHeader header;
      header.topic_alias = 1;
      first.add(shape, topic, header);
      publisher.say(first.bytes);
    }
    voices.push_back({&publisher, burst_to(shape, topic)});
  }
  return repeat(std::move(voices), rounds, std::uint64_t{count} * shape.burst);
}

template <Qos kQos>
Plan pairs_at(Scene& scene, const OnReactor& here) {
  return pairs(scene, here, {.qos = kQos}, 10, 60);
}
Plan pairs_single(Scene& scene, const OnReactor& here) { return pairs(scene, here, {.burst = 1}, 1, 4'000); }
template <std::size_t kPayload>
Plan pairs_of(Scene& scene, const OnReactor& here) {
  return pairs(scene, here, {.payload = kPayload}, 10, 60);
}
Plan pairs_v5(Scene& scene, const OnReactor& here) { return pairs(scene, here, {.version = Version::v5}, 10, 60); }
Plan pairs_v5_alias(Scene& scene, const OnReactor& here) {
  return pairs(scene, here, {.version = Version::v5, .alias = true}, 10, 60);
}
Plan pairs_v5_identifier(Scene& scene, const OnReactor& here) {
  return pairs(scene, here, {.version = Version::v5, .subscription_identifier = true}, 10, 60);
}

constexpr std::string_view kOneTopic = "site/17/dev/40412/temp";

Plan fan_out(Scene& scene, const OnReactor& here, const Shape& shape, std::size_t rounds) {
  constexpr unsigned kSubscribers = 500;
  for (unsigned i = 0; i < kSubscribers; ++i) {
    scene.connect(here, client(shape, "subscriber" + std::to_string(i), {std::string(kOneTopic)}));
  }
  ScriptedClient& publisher = scene.connect(here, client(shape, "publisher"));
  return repeat({{&publisher, burst_to(shape, kOneTopic)}}, rounds, std::uint64_t{kSubscribers} * shape.burst);
}

template <Qos kQos>
Plan fan_out_at(Scene& scene, const OnReactor& here) {
  return fan_out(scene, here, {.qos = kQos}, 4);
}
template <std::size_t kPayload>
Plan fan_out_of(Scene& scene, const OnReactor& here) {
  return fan_out(scene, here, {.payload = kPayload}, 4);
}

template <Qos kQos>
Plan fan_in_at(Scene& scene, const OnReactor& here) {
  constexpr unsigned kPublishers = 100;
  const Shape shape{.qos = kQos};
  scene.connect(here, client(shape, "subscriber", {"site/17/pair/+/temp"}));
  std::vector<Voice> voices;
  for (unsigned i = 0; i < kPublishers; ++i) {
    ScriptedClient& publisher = scene.connect(here, client(shape, "publisher" + std::to_string(i)));
    voices.push_back({&publisher, burst_to(shape, pair_topic(i))});
  }
  return repeat(std::move(voices), 8, std::uint64_t{kPublishers} * shape.burst);
}

Plan shared(Scene& scene, const OnReactor& here) {
  const Shape shape{.qos = Qos::at_least_once};
  std::vector<Voice> voices;
  for (unsigned i = 0; i < 10; ++i) {
    const std::string number = std::to_string(i);
    scene.connect(here, client(shape, "member" + number, {"$share/group/" + std::string(kOneTopic)}));
    ScriptedClient& publisher = scene.connect(here, client(shape, "publisher" + number));
    voices.push_back({&publisher, burst_to(shape, kOneTopic)});
  }
  return repeat(std::move(voices), 60, 10 * shape.burst);
}

/// 100,000 filters of which one to three match a topic, as bench/load has them.
struct Device {
  explicit Device(unsigned k)
      : site(std::to_string(k % 100)), room(std::to_string(k / 100 % 100)), number(std::to_string(k)), k_(k) {}
  std::string topic() const { return "w/" + site + "/" + room + "/" + number + "/temp"; }
  std::vector<std::string> filters() const {
    const std::string all = "w/" + site + "/" + room + "/" + number;
    const std::string any_room = "w/" + site + "/+/" + number, any_site = "w/+/" + room + "/" + number;
    if (k_ % 3 == 0) return {all + "/+"};
    if (k_ % 3 == 1) return {any_room + "/temp", any_site + "/#"};
    return {all + "/#", any_room + "/+", any_site + "/temp"};
  }
  unsigned matches() const { return k_ % 3 + 1; }

  std::string site, room, number;

 private:
  unsigned k_;
};

/// `fresh`: every message is to a topic that its publisher has not used before; else always to the same.
Plan wildcards(Scene& scene, const OnReactor& here, bool fresh) {
  constexpr unsigned kDevices = 49'998, kClients = 50;
  constexpr std::size_t kRounds = 6;
  const Shape shape;
  std::vector<std::vector<std::string>> filters(kClients);
  std::size_t next = 0;
  for (unsigned k = 0; k < kDevices; ++k) {
    for (auto& filter : Device(k).filters()) filters[next++ % kClients].push_back(std::move(filter));
  }
  std::vector<ScriptedClient*> publishers;
  for (unsigned i = 0; i < kClients; ++i) {
    scene.connect(here, client(shape, "subscriber" + std::to_string(i), std::move(filters[i])));
    publishers.push_back(&scene.connect(here, client(shape, "publisher" + std::to_string(i))));
  }
  Plan plan;
  plan.rounds = kRounds;
  const auto device_of = [fresh](std::size_t round, unsigned publisher, unsigned message) {
    const std::size_t used = (round * kClients + publisher) * kBurst + message;
    return Device(fresh ? static_cast<unsigned>(used * 7'919 % kDevices) : publisher);
  };
  for (std::size_t round = plan.warm_up; round < plan.warm_up + kRounds; ++round) {
    for (unsigned p = 0; p < kClients; ++p) {
      for (unsigned m = 0; m < kBurst; ++m) plan.deliveries += device_of(round, p, m).matches();
    }
  }
  plan.offer = [publishers, shape, device_of](const OnReactor&, std::size_t round) {
    for (unsigned p = 0; p < kClients; ++p) {
      Burst burst;
      for (unsigned m = 0; m < kBurst; ++m) burst.add(shape, device_of(round, p, m).topic());
      publishers[p]->say(burst.bytes);
    }
  };
  return plan;
}
Plan wildcards_fresh(Scene& scene, const OnReactor& here) { return wildcards(scene, here, true); }
Plan wildcards_same(Scene& scene, const OnReactor& here) { return wildcards(scene, here, false); }

/// The same plan with its subscribers on the other reactor.
Plan crossing(Scene& scene, Plan plan, std::vector<std::string> filters) {
  plan.offer = [&scene, offer = std::move(plan.offer), moved = std::move(filters)](const OnReactor& here,
                                                                                   std::size_t round) {
    if (round == 0) {
      for (const auto& filter : moved) scene.move_to_second_reactor(here, filter);
    }
    offer(here, round);
  };
  return plan;
}
template <Qos kQos>
Plan crossing_pairs_at(Scene& scene, const OnReactor& here) {
  std::vector<std::string> filters;
  for (unsigned i = 0; i < 10; ++i) filters.push_back(pair_topic(i));
  return crossing(scene, pairs_at<kQos>(scene, here), std::move(filters));
}
Plan crossing_fan_out(Scene& scene, const OnReactor& here) {
  return crossing(scene, fan_out_at<Qos::at_most_once>(scene, here), {std::string(kOneTopic)});
}

/// A client that subscribes anew to a thousand retained messages, again and again.
Plan replay(Scene& scene, const OnReactor& here) {
  constexpr unsigned kTopics = 1'000;
  const Shape shape{.retain = true};
  ScriptedClient& subscriber = scene.connect(here, client(shape, "subscriber"));
  ScriptedClient& publisher = scene.connect(here, client(shape, "publisher"));
  Burst retained;
  for (unsigned i = 0; i < kTopics; ++i) retained.add(shape, pair_topic(i));
  publisher.say(retained.bytes);
  std::string again;
  mqtt::Unsubscribe unsubscribe;
  unsubscribe.packet_id = 1;
  unsubscribe.filters = {"site/#"};
  mqtt::append_unsubscribe(again, shape.version, unsubscribe);
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 2;
  subscribe.entries.emplace_back().filter = "site/#";
  mqtt::append_subscribe(again, shape.version, subscribe);
  return repeat({{&subscriber, again}}, 10, kTopics);
}

/// Retained messages set again on topics that have one; each is delivered to one subscriber too.
Plan retained_set(Scene& scene, const OnReactor& here) { return pairs(scene, here, {.retain = true}, 10, 60); }

/// A kept session gets a hundred messages at QoS 1 while its client is away; then the client comes back for them.
Plan offline(Scene& scene, const OnReactor& here) {
  constexpr unsigned kMessages = 100;
  const Shape shape{.qos = Qos::at_least_once};
  ClientOptions subscriber = client(shape, "subscriber", {std::string(kOneTopic)});
  subscriber.clean_start = false;
  ScriptedClient& publisher = scene.connect(here, client(shape, "publisher"));
  Shape many = shape;
  many.burst = kMessages;
  std::string leave;
  mqtt::append_disconnect(leave, shape.version, mqtt::ReasonCode::success);
  Plan plan;
  plan.warm_up = 8;
  plan.rounds = 200;
  plan.deliveries = plan.rounds / 4 * kMessages;
  plan.offer = [&scene, subscriber, back = subscriber, leave, bytes = burst_to(many, kOneTopic), &publisher,
                client = static_cast<ScriptedClient*>(nullptr)](const OnReactor& at, std::size_t round) mutable {
    back.filters.clear();
    switch (round % 4) {
      case 0: client = &scene.connect(at, round == 0 ? subscriber : back); break;
      case 1: client->say(leave); break;
      case 2: publisher.say(bytes); break;
      default: publisher.say(std::string_view("\xC0\0", 2));  // a PINGREQ: all is at rest
    }
  };
  return plan;
}

constexpr auto kScenarios = std::to_array<Scenario>({
    {"pairs_q0", "10 to 10, bursts of 16", pairs_at<Qos::at_most_once>},
    {"pairs_q0_single", "1 to 1, a message a wake", pairs_single},
    {"pairs_q0_acl", "pairs_q0 with 200 rules in acl_file: at most 1.03 of it", pairs_at<Qos::at_most_once>,
     acl_of_200},
    {"pairs_q1", "the same as pairs_q0 at QoS 1", pairs_at<Qos::at_least_once>},
    {"pairs_q2", "at QoS 2", pairs_at<Qos::exactly_once>},
    {"pairs_q0_1k", "payloads of 1 KiB", pairs_of<1024>},
    {"pairs_q0_16k", "payloads of 16 KiB", pairs_of<16 * 1024>},
    {"pairs_v5", "MQTT 5", pairs_v5},
    {"pairs_v5_alias", "MQTT 5, Topic Aliases both ways", pairs_v5_alias},
    {"pairs_v5_subid", "MQTT 5, Subscription Identifiers", pairs_v5_identifier},
    {"fanout_q0", "1 to 500, bursts of 16", fan_out_at<Qos::at_most_once>},
    {"fanout_q0_acl", "fanout_q0 with 200 rules: at most 1.03 of it", fan_out_at<Qos::at_most_once>, acl_of_200},
    {"fanout_q1", "at QoS 1", fan_out_at<Qos::at_least_once>},
    {"fanout_q0_1k", "payloads of 1 KiB", fan_out_of<1024>},
    {"fanout_q0_16k", "payloads of 16 KiB", fan_out_of<16 * 1024>},
    {"fanin_q0", "100 to 1", fan_in_at<Qos::at_most_once>},
    {"fanin_q1", "100 to 1 at QoS 1", fan_in_at<Qos::at_least_once>},
    {"shared_q1", "10 to a $share group of 10, QoS 1", shared},
    {"wildcard_cold", "100,000 filters, every topic new to its publisher", wildcards_fresh},
    {"wildcard_memo", "100,000 filters, always the same topics", wildcards_same},
    {"crossing_q0", "pairs_q0 across two reactors", crossing_pairs_at<Qos::at_most_once>},
    {"crossing_q0_acl", "crossing_q0 with 200 rules: at most 1.03 of it", crossing_pairs_at<Qos::at_most_once>,
     acl_of_200},
    {"crossing_q1", "pairs_q1 across two reactors", crossing_pairs_at<Qos::at_least_once>},
    {"crossing_fanout_q0", "fanout_q0, all 500 on the other reactor", crossing_fan_out},
    {"retained_set", "pairs_q0 with RETAIN", retained_set},
    {"retained_replay", "1,000 retained messages to a new subscription", replay},
    {"offline_q1", "queued for a client away, and sent when it is back", offline},
});

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

}  // namespace bramble::counts
