#include "broker/reactor/inbox.h"

#include <doctest/doctest.h>
#include <memory>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/support/fake_clock.h"

namespace bramble {
namespace {

constexpr ReactorId kFirst{0}, kSecond{1};
constexpr std::size_t kLevel = 1000;

std::unique_ptr<Handoff> handoff(std::size_t bytes, SteadyTime posted) {
  auto made = std::make_unique<Handoff>();
  made->bytes = bytes;
  made->posted = posted;
  return made;
}

bool woken(const Inbox& inbox) {
  pollfd wake{inbox.wake_descriptor(), POLLIN, 0};
  return ::poll(&wake, 1, 0) == 1;
}

struct Scene {
  testing::FakeClock clock;
  Inbox inbox{2, kLevel};

  void post(ReactorId from, std::size_t bytes) { inbox.post(from, handoff(bytes, clock.now())); }
  /// Takes the next Handoff, which must be there, and is done with it.
  std::uint64_t take() {
    auto message = inbox.take();
    REQUIRE(message.has_value());
    return inbox.done(*std::get<std::unique_ptr<Handoff>>(*message), clock.now());
  }
};

TEST_CASE("an inbox is slow above its level, drops QoS 0 above twice as much, and is normal when it is emptied") {
  Scene scene;
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
  scene.post(kFirst, kLevel);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
  scene.post(kSecond, 1);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::slow);
  scene.post(kFirst, kLevel);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::drop_qos0);
  for (int i = 0; i < 3; ++i) scene.take();
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
  CHECK(scene.inbox.bytes() == 0);
}

TEST_CASE("who waits is told once, when the inbox has fallen to half its level") {
  Scene scene;
  for (int i = 0; i < 4; ++i) scene.post(kFirst, 400);
  CHECK(scene.inbox.tell_when_eased(kSecond, scene.clock.now()));
  CHECK(scene.inbox.tell_when_eased(kFirst, scene.clock.now()));
  CHECK(scene.take() == 0);
  CHECK(scene.take() == 0);
  CHECK(scene.take() == 3);  // 400 bytes are left
  CHECK(scene.take() == 0);
  CHECK_FALSE(scene.inbox.tell_when_eased(kFirst, scene.clock.now()));  // there is nothing to wait for
}

TEST_CASE("what waits too long makes an inbox slow, and the last one out tells those who wait, however late") {
  Scene scene;
  scene.post(kFirst, 10);
  scene.post(kFirst, 10);
  scene.clock.advance(Milliseconds(50));
  CHECK(scene.take() == 0);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::slow);
  CHECK(scene.inbox.tell_when_eased(kSecond, scene.clock.now()));
  CHECK(scene.take() == 2);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
}

TEST_CASE("an inbox is slow when its owner takes nothing for too long, and not before") {
  Scene scene;
  scene.clock.advance(Milliseconds(50));  // nothing was there
  scene.post(kFirst, 10);
  scene.clock.advance(Milliseconds(15));
  scene.post(kSecond, 10);
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
  scene.clock.advance(Milliseconds(15));
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::slow);
  scene.clock.advance(Milliseconds(-15));
  CHECK(scene.take() == 0);
  scene.clock.advance(Milliseconds(15));
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
  scene.clock.advance(Milliseconds(15));
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::slow);
  scene.take();
  CHECK(scene.inbox.level(scene.clock.now()) == Inbox::Level::normal);
}

TEST_CASE("a post wakes who sleeps, and only then; who finds something does not fall asleep") {
  Scene scene;
  scene.post(kFirst, 1);
  CHECK_FALSE(woken(scene.inbox));
  CHECK_FALSE(scene.inbox.fall_asleep());
  scene.take();
  CHECK(scene.inbox.fall_asleep());
  scene.post(kFirst, 1);
  CHECK(woken(scene.inbox));
  CHECK(scene.inbox.take().has_value());
}

TEST_CASE("a place that is reserved keeps its order, and its post wakes who fell asleep before it") {
  Scene scene;
  const std::uint64_t place = scene.inbox.reserve();
  scene.post(kSecond, 2);
  CHECK_FALSE(scene.inbox.caught_up());
  CHECK_FALSE(scene.inbox.take().has_value());
  CHECK(scene.inbox.fall_asleep());
  scene.inbox.post(kFirst, place, handoff(1, scene.clock.now()));
  CHECK(woken(scene.inbox));
  CHECK(std::get<std::unique_ptr<Handoff>>(*scene.inbox.take())->bytes == 1);
  CHECK(std::get<std::unique_ptr<Handoff>>(*scene.inbox.take())->bytes == 2);
  CHECK(scene.inbox.caught_up());
}

TEST_CASE("no wake-up is lost between a sleeper and those who post") {
  Inbox inbox(2, kLevel);
  constexpr int kMessages = 20'000;
  std::vector<std::thread> posters;
  for (const ReactorId from : {kFirst, kSecond}) {
    posters.emplace_back([&inbox, from] {
      for (int i = 0; i < kMessages; ++i) inbox.post(from, InboxEased{from});
    });
  }
  int taken = 0;
  while (taken < 2 * kMessages) {
    while (inbox.take()) ++taken;
    if (taken == 2 * kMessages || !inbox.fall_asleep()) continue;
    pollfd wake{inbox.wake_descriptor(), POLLIN, 0};
    REQUIRE(::poll(&wake, 1, 20'000) == 1);
    std::uint64_t count = 0;
    REQUIRE(::read(inbox.wake_descriptor(), &count, sizeof count) == sizeof count);
    inbox.stay_awake();
  }
  for (auto& poster : posters) poster.join();
  CHECK_FALSE(inbox.take().has_value());
}

}  // namespace
}  // namespace bramble
