#include <doctest/doctest.h>
#include <memory>

#include "tests/support/client.h"
#include "tests/support/random.h"

// Section 4.13, from the other side: whatever clients send, and in whatever order, the broker lives.
namespace bramble::testing {
namespace {

/// Clients that send valid packets at random moments, and some that are nearly valid, and look at no answer.
class Crowd {
 public:
  Crowd(const Broker& broker, Random& random) : broker_(broker), random_(random), members_(6) {}

  void step() {
    Member& member = members_[random_.below(members_.size())];
    if (!member.client || random_.one_in(25)) return connect(member);
    member.client->discard();
    if (random_.one_in(40)) return leave(member);
    std::string bytes = packet(member.version);
    for (std::uint64_t more = random_.below(3); more > 0; --more) bytes += packet(member.version);
    if (random_.one_in(30)) bytes[random_.below(bytes.size())] ^= static_cast<char>(1 << random_.below(8));
    member.client->send(bytes);
  }

 private:
  struct Member {
    std::unique_ptr<RawClient> client;
    Version version = Version::v5;
  };

  void connect(Member& member) {
    member.version = kAllVersions[random_.below(3)];
    Connect connect{.version = member.version,
                    .client_id = "member" + std::to_string(random_.below(4)),
                    .clean_start = random_.one_in(3),
                    .keep_alive = static_cast<unsigned>(random_.below(3))};
    if (random_.one_in(2)) {
      connect.will = Will{.topic = topic(), .payload = "gone", .qos = qos(), .retain = random_.one_in(4)};
    }
    if (member.version == Version::v5) {
      connect.properties = some(Prop::session_expiry, 3) + some(Prop::receive_maximum, 3, 1) +
                           some(Prop::topic_alias_maximum, 3) + some(Prop::maximum_packet_size, 150, 20) +
                           some(Prop::request_problem_information, 1);
      if (connect.will) connect.will->properties = some(Prop::will_delay, 2) + some(Prop::message_expiry, 2);
    }
    member.client = std::make_unique<RawClient>(broker_.port(), Where::current());
    member.client->send(encode(connect) + (random_.one_in(2) ? packet(member.version) : ""));
  }

  void leave(Member& member) {
    if (random_.one_in(2)) {
      const bool v5 = member.version == Version::v5;
      member.client->send(encode_disconnect(member.version, v5 && random_.one_in(2) ? 4 : 0,
                                            v5 ? some(Prop::session_expiry, 3) : std::string{}));
    }
    member.client.reset();
  }

  std::string packet(Version version) {
    const bool v5 = version == Version::v5;
    switch (random_.below(10)) {
      case 0: return "C0 00"_hex;
      case 1:
      case 2: return encode_subscribe(version, id(), filters(v5), v5 ? some(Prop::subscription_identifier, 9, 1) : "");
      case 3: return encode_unsubscribe(version, id(), {filter(), filter()});
      case 4: return encode_ack(random_.one_in(2) ? PacketType::puback : PacketType::pubrec, id(), code(v5));
      case 5: return encode_ack(random_.one_in(2) ? PacketType::pubrel : PacketType::pubcomp, id());
      default: return publish(version);
    }
  }

  std::string publish(Version version) {
    Publish publish{.topic = topic(),
                    .payload = std::string(random_.below(60), 'x'),
                    .qos = qos(),
                    .retain = random_.one_in(4),
                    .packet_id = id()};
    publish.dup = publish.qos > 0 && random_.one_in(4);
    if (version == Version::v5) {
      publish.properties = some(Prop::message_expiry, 2) + some(Prop::topic_alias, 10, 1);
      if (random_.one_in(4)) publish.properties += property(Prop::user, "name", "value");
      if (random_.one_in(8)) publish.topic.clear();
    }
    return encode(version, publish);
  }

  std::vector<Filter> filters(bool v5) {
    std::vector<Filter> filters;
    for (std::uint64_t count = random_.between(1, 3); count > 0; --count) {
      filters.push_back({filter(), qos()});
      if (!v5) continue;
      filters.back().options |=
          static_cast<unsigned>(random_.below(3)) << 4 | (random_.one_in(2) ? kRetainAsPublished : 0u);
      if (filters.back().text[0] != '$' && random_.one_in(3)) filters.back().options |= kNoLocal;
    }
    return filters;
  }

  std::string topic() { return random_.pick(topics_); }
  std::string filter() { return random_.pick(filters_); }
  unsigned qos() { return static_cast<unsigned>(random_.below(3)); }
  unsigned id() { return static_cast<unsigned>(random_.between(1, 4)); }
  unsigned code(bool v5) { return v5 && random_.one_in(4) ? 0x80 : 0; }
  /// The property with a value up to `most`, or nothing.
  std::string some(Prop id, std::uint32_t most, std::uint32_t least = 0) {
    if (random_.one_in(2)) return {};
    return property(id, static_cast<std::uint32_t>(random_.between(least, most)));
  }

  const Broker& broker_;
  Random& random_;
  std::vector<Member> members_;
  const std::vector<std::string> topics_{"a", "a/b", "a/b/c", "/", "a/", "b", "$own/x"};
  const std::vector<std::string> filters_{"a",   "a/b",   "#",      "+",          "a/#",        "+/b",          "/",
                                          "+/+", "a/+/c", "$own/#", "$share/g/a", "$share/g/#", "$share/h/a/+", "b"};
};

}  // namespace

TEST_CASE("[MQTT-4.13.1-1] clients that do anything in any order do not stop the broker, whatever its limits") {
  for (const char* options : {"", "max_qos 1", "max_packet_size 100", "retain_available false",
                              "max_queued_messages 3\nmax_inflight_messages 2", "max_topic_alias 0", "max_keepalive 1",
                              "upgrade_outgoing_qos true\nqueue_qos0_messages true", "message_size_limit 30"}) {
    CAPTURE(std::string(options));
    Broker broker(options);
    const std::uint64_t seed = test_seed();
    CAPTURE(seed);
    Random random(seed);
    {
      Crowd crowd(broker, random);
      for (int i = 0; i < 3'000; ++i) crowd.step();
    }
    Client(broker, Connect{.keep_alive = 1}).expect_nothing();
    broker.stop();
  }
}

}  // namespace bramble::testing
