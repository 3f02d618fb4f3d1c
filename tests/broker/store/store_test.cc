#include "broker/store/store.h"

#include <algorithm>
#include <condition_variable>
#include <doctest/doctest.h>
#include <functional>
#include <mutex>
#include <thread>
#include <variant>

#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"
#include "tests/support/log_to_file.h"

namespace bramble::testing {

namespace {

using What = RoundStep::What;

/// Two reactors that do nothing but answer the store's thread, and what it said to them.
class Answering final : private MessageHandler {
 public:
  struct Said {
    What what;
    std::uint64_t round;
    unsigned reactor;
  };

  explicit Answering(const std::filesystem::path& file, Promise promise = Promise::commit,
                     Seconds interval = Seconds(3600))
      : store_(std::make_unique<Store>(open_loaded(file), mesh_, retained_, options(promise, interval), 0)) {
    MessageHandler* const handlers[] = {this, this};
    mesh_.start(handlers);
    store_->start();
  }
  ~Answering() {
    if (store_) stop();
  }

  Store& store() { return *store_; }
  /// As the broker ends; the file is closed then.
  void stop() {
    store_->stop();
    mesh_.stop();
    store_.reset();
  }

  /// Waits until this holds of what was said; false: it never does.
  bool until(const std::function<bool(const std::vector<Said>&)>& holds) {
    std::unique_lock lock(mutex_);
    return more_.wait_for(lock, Seconds(30), [&] { return holds(said_); });
  }
  bool until_stored(std::uint64_t round) {
    return until([round](const auto& said) { return times(said, What::stored, round) == 2; });
  }
  std::vector<Said> said() const {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  static std::ptrdiff_t times(const std::vector<Said>& said, What what, std::uint64_t round) {
    return std::ranges::count_if(said, [&](const Said& each) { return each.what == what && each.round == round; });
  }

  /// What the first reactor gives next, and how often it says then that it has passed something on.
  void has(Part part, unsigned passes_on = 0) {
    const std::lock_guard lock(mutex_);
    part_ = std::make_unique<Part>(std::move(part));
    passes_on_ = passes_on;
  }

 private:
  static StoreOptions options(Promise promise, Seconds interval) {
    StoreOptions options;
    options.persistence = true;
    options.durability = promise;
    options.durability_interval = interval;
    return options;
  }
  static std::unique_ptr<Database> open_loaded(const std::filesystem::path& file) {
    auto database = open(file);
    load(*database);
    return database;
  }

  void on_start(const OnReactor&) override {}
  void on_dispatched(const OnReactor&) override {}
  bool on_leftovers(const OnReactor&) override { return false; }
  void on_turn_end(const OnReactor&) override {}
  void on_message(const OnReactor& here, Message message) override {
    if (std::holds_alternative<Stop>(message)) return here.reactor().stop(here);
    const auto* step = std::get_if<RoundStep>(&message);
    REQUIRE(step);
    auto part = std::make_unique<Part>();
    bool passes_on = false;
    {
      const std::lock_guard lock(mutex_);
      said_.push_back({step->what, step->round, here.id().value});
      if (step->what == What::collect && here.id().value == 0) {
        if (part_) part = std::move(part_);
        passes_on = passes_on_ > 0;
        if (passes_on) --passes_on_;
      }
    }
    more_.notify_all();
    if (step->what == What::close) store_->closed();
    if (step->what == What::collect) store_->give(std::move(part), passes_on);
  }

  Quiescence quiescence_{2};
  Counters counters_{2};
  Mesh mesh_{2, 1 << 20, quiescence_, counters_};
  RetainedMessages retained_{quiescence_, 1};
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::vector<Said> said_;
  std::unique_ptr<Part> part_;
  unsigned passes_on_ = 0;
  std::unique_ptr<Store> store_;
};

Part with_session(std::uint64_t id) {
  Part part;
  part.sessions.push_back(session(id));
  return part;
}

}  // namespace

TEST_CASE("a round is closed by every reactor before any gives its part, and told to all when it is on the disk") {
  const Folder folder;
  Answering reactors(folder / "bramble.db");
  reactors.has(with_session(1));
  reactors.store().want_round();
  REQUIRE(reactors.until_stored(1));
  const auto said = reactors.said();
  std::vector<What> order;
  for (const auto& each : said) order.push_back(each.what);
  CHECK(order == std::vector{What::close, What::close, What::collect, What::collect, What::stored, What::stored});
  reactors.stop();
  CHECK(reload(folder / "bramble.db").sessions.size() == 1);
}

TEST_CASE("parts are collected again as long as a reactor has passed something on") {
  const Folder folder;
  Answering reactors(folder / "bramble.db");
  reactors.has(with_session(1), 3);
  reactors.store().want_round();
  REQUIRE(reactors.until_stored(1));
  CHECK(Answering::times(reactors.said(), What::close, 1) == 2);
  CHECK(Answering::times(reactors.said(), What::collect, 1) == 2 * 4);
}

TEST_CASE("while nothing has changed there is no round but the last one") {
  const Folder folder;
  Answering reactors(folder / "bramble.db", Promise::interval, Seconds(1));
  reactors.stop();
  for (const auto& each : reactors.said()) CHECK(each.round == 1);
  CHECK(Answering::times(reactors.said(), What::stored, 1) == 2);
}

TEST_CASE("what nobody waits for is written when the interval is over, and at once when somebody hurries") {
  const Folder folder;
  Answering reactors(folder / "bramble.db", Promise::interval, Seconds(1));
  const SteadyTime began = std::chrono::steady_clock::now();
  reactors.store().changed();
  REQUIRE(reactors.until_stored(1));
  CHECK(std::chrono::steady_clock::now() - began >= Seconds(1));

  Answering slow(folder / "slow.db", Promise::interval, Seconds(3600));
  slow.store().changed();
  slow.store().hurry_round();
  CHECK(slow.until_stored(1));
}

TEST_CASE("with `commit` who waits for the disk does not wait for the interval") {
  const Folder folder;
  Answering reactors(folder / "bramble.db");
  reactors.store().changed();
  reactors.store().want_round();
  CHECK(reactors.until_stored(1));
  CHECK(reactors.store().facts().durability == "commit");
}

TEST_CASE("a round that the disk does not take is told to nobody until it does, and is whole then") {
  const Folder folder;
  FaultyDisk disk;
  Answering reactors(folder / "bramble.db");
  disk.fail(FaultyDisk::Wrong::no_space, 0);
  reactors.has(with_session(1));
  reactors.store().want_round();
  while (!reactors.store().failing()) std::this_thread::yield();
  CHECK(reactors.store().round_since() != SteadyTime::max());
  reactors.store().want_round();  // another one has to wait
  CHECK(Answering::times(reactors.said(), What::stored, 1) == 0);
  disk.mend();
  REQUIRE(reactors.until_stored(1));
  CHECK(!reactors.store().failing());
  REQUIRE(reactors.until_stored(2));
  CHECK(!reactors.store().facts().failing);
  reactors.stop();
  CHECK(reload(folder / "bramble.db").sessions.size() == 1);
}

TEST_CASE("at the end what has changed is written in a last round") {
  const Folder folder;
  Answering reactors(folder / "bramble.db", Promise::interval);
  reactors.has(with_session(1));
  reactors.store().changed();
  reactors.stop();
  CHECK(Answering::times(reactors.said(), What::stored, 1) == 2);
  CHECK(reload(folder / "bramble.db").sessions.size() == 1);
}

TEST_CASE("a disk that takes nothing does not keep the broker from ending") {
  const Folder folder;
  FaultyDisk disk;
  Answering reactors(folder / "bramble.db", Promise::interval);
  disk.fail(FaultyDisk::Wrong::io_error, 0);
  reactors.has(with_session(1));
  reactors.store().changed();
  reactors.stop();
  disk.mend();
  CHECK(reload(folder / "bramble.db").sessions.empty());
}

TEST_CASE("a disk that does not answer is told once while it does not, and once when it does") {
  const Folder folder;
  FaultyDisk disk;
  Answering reactors(folder / "bramble.db");
  LogToFile log;
  log.open();
  const SteadyTime began = std::chrono::steady_clock::now();
  reactors.store().watch(began + Seconds(3600));  // nobody has asked it anything
  disk.fail(FaultyDisk::Wrong::sync_hangs, 0);
  reactors.has(with_session(1));
  reactors.store().want_round();
  REQUIRE(reactors.until([](const auto& said) { return Answering::times(said, What::collect, 1) == 2; }));
  std::this_thread::sleep_for(Milliseconds(200));  // it is asked in that time
  reactors.store().watch(began + Seconds(1));
  for (const Seconds later : {Seconds(10), Seconds(11), Seconds(60)}) reactors.store().watch(began + later);
  disk.mend();
  REQUIRE(reactors.until_stored(1));
  reactors.store().watch(began + Seconds(3600));
  reactors.stop();
  const auto lines = log.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("The disk has not answered for 9 s: "));
  CHECK(lines[1].starts_with("The disk answers again, after 0."));
}

TEST_CASE("a file that was put aside is named though the round then fails") {
  const Folder folder;
  commit(*open(folder / "whole"), with_session(1));
  const auto found =
      sql(folder / "whole", "SELECT pageno FROM dbstat WHERE name = 'sqlite_autoindex_session_1'");  // for writing only
  std::string bytes = contents(folder / "whole");
  bytes.replace((std::stoul(found.front()) - 1) * 4'096, 4'096, 4'096, '\xFF');
  FaultyDisk disk;
  int seen = 0;
  for (std::uint64_t syncs = 1; syncs < 20; ++syncs) {  // some of them make the new file
    const std::filesystem::path file = folder / std::to_string(syncs);
    write(file, bytes);
    LogToFile log;
    log.open();
    bool failed = false;
    {
      Answering reactors(file);
      disk.fail(FaultyDisk::Wrong::sync_error, syncs);
      reactors.has(with_session(2));
      reactors.store().want_round();
      REQUIRE(reactors.until([&](const auto& said) { return Answering::times(said, What::collect, 1) == 2; }));
      const auto stored = [&] { return Answering::times(reactors.said(), What::stored, 1) == 2; };
      while (!reactors.store().failing() && !stored()) std::this_thread::yield();
      failed = !stored();
    }
    disk.mend();
    const std::string aside = file.string() + ".damaged-1";
    const auto names_it = [&](const std::string& line) { return line.find(aside + " now") != std::string::npos; };
    const bool moved = std::filesystem::exists(aside);
    CHECK(std::ranges::count_if(log.lines(), names_it) == (moved ? 1 : 0));
    seen += failed && moved ? 1 : 0;
  }
  CHECK(seen > 0);
}

}  // namespace bramble::testing
