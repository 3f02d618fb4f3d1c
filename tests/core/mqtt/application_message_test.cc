#include "core/mqtt/application_message.h"

#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

namespace bramble {

namespace {

constexpr SteadyTime kArrived{std::chrono::hours(1000)};

MessagePtr message(std::uint32_t expiry = mqtt::kNoExpiry) {
  mqtt::PublishContent content{"a/b", {}, "payload"};
  content.properties.pieces = {"one", "", "three"};
  ApplicationMessage::Facts facts;
  facts.expiry_seconds = expiry;
  facts.arrived = kArrived;
  facts.retain = true;
  facts.qos = mqtt::Qos::exactly_once;
  facts.publisher = PublisherId{7};
  return MessagePtr::make(content, facts);
}

}  // namespace

TEST_CASE("an Application Message keeps its own copy of topic, properties and payload") {
  const auto one = message();
  CHECK(one->topic() == "a/b");
  CHECK(one->properties() == "onethree");
  CHECK(one->payload() == "payload");
  CHECK(one->facts().retain);
  CHECK(one->facts().qos == mqtt::Qos::exactly_once);
  CHECK(one->facts().publisher == PublisherId{7});
  CHECK(one->content().topic == "a/b");
  CHECK(one->content().properties.size() == 8);
  CHECK(one->memory() == sizeof(ApplicationMessage) + 3 + 8 + 7);
}

TEST_CASE("an Application Message may be empty but for its topic") {
  const auto one = MessagePtr::make({"t", {}, {}}, {});
  CHECK(one->topic() == "t");
  CHECK(one->properties().empty());
  CHECK(one->payload().empty());
  CHECK_FALSE(one->expired(SteadyTime::max()));
}

TEST_CASE("[MQTT-3.3.2-5] [MQTT-3.3.2-6] the Message Expiry Interval counts down from the arrival") {
  const auto one = message(10);
  CHECK(one->expiry_left(kArrived) == 10);
  CHECK(one->expiry_left(kArrived + Milliseconds(999)) == 10);
  CHECK(one->expiry_left(kArrived + Seconds(1)) == 9);
  CHECK_FALSE(one->expired(kArrived + Milliseconds(9'999)));
  CHECK(one->expired(kArrived + Seconds(10)));
  CHECK(one->expiry_left(kArrived + Seconds(10)) == 0);
  CHECK(one->expiry_left(kArrived + Seconds(100)) == 0);
  CHECK(message()->expiry_left(kArrived + Seconds(100)) == mqtt::kNoExpiry);
  CHECK(message(0)->expired(kArrived));
}

TEST_CASE("a message is shared, moved and given away without a copy") {
  auto first = message();
  const auto* const it = first.get();
  auto second = first;
  CHECK(second.get() == it);
  auto third = std::move(first);
  CHECK_FALSE(first);
  CHECK(third.get() == it);
  second = third;
  CHECK(second.get() == it);
  const auto* const given = third.release();
  CHECK_FALSE(third);
  auto back = MessagePtr::adopt(given);
  auto more = MessagePtr::share(given);
  back = {};
  second = {};
  CHECK(more->payload() == "payload");
}

TEST_CASE("the last of many threads frees a message") {
  auto one = message();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = one] {
      for (int n = 0; n < 10'000; ++n) {
        auto another = copy;
        if (another->payload().size() != 7) return;
      }
    });
  }
  one = {};
  for (auto& thread : threads) thread.join();
}

}  // namespace bramble
