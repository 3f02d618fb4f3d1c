#include "tools/bench/remote/worker.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>

#include "tools/bench/output/machine.h"
#include "tools/bench/output/strain.h"
#include "tools/bench/process.h"
#include "tools/bench/remote/merge.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kFirstMessageMs = 10'000;
constexpr int kLookMs = 20;
constexpr auto kSentMax = 5min;  ///< how long the publishers of another part may take to end

/// The manager, as a scenario sees it: says when to begin, is told each second how it goes, and may want it to end.
class ManagedRun final : public Team, public Viewer {
 public:
  ManagedRun(Wire& wire, Interrupts& interrupts, const Json& wish)
      : wire_(wire),
        interrupts_(interrupts),
        part_(static_cast<std::uint32_t>(within(wish.number_or("part", 0), UINT32_MAX))),
        run_(static_cast<std::uint16_t>(within(wish.number_or("run", 0), UINT16_MAX))) {}

  std::uint32_t part() const override { return part_; }
  std::uint16_t run() const override { return run_; }
  bool wait_for_start() override {
    if (!wire_.send("ready")) return end();
    while (!began_) {
      if (interrupts_.sleep_until(std::chrono::steady_clock::now())) return false;
      if (!listen(kLookMs)) return end();
    }
    return true;
  }
  void tell_sent(const std::vector<std::uint64_t>& sent) override {
    Json::Array counts;
    for (const auto messages : sent) counts.push_back(static_cast<double>(messages));
    wire_.send("sent", {{"counts", std::move(counts)}});
  }
  std::optional<std::vector<std::uint64_t>> await_sent() override {
    const SteadyTime give_up = std::chrono::steady_clock::now() + kSentMax;
    while (!sent_ && std::chrono::steady_clock::now() < give_up) {
      if (interrupts_.sleep_until(std::chrono::steady_clock::now()) || !listen(kLookMs)) return std::nullopt;
    }
    return sent_;
  }
  void show(const Moment& moment) override {
    auto members = counts_json(moment.counts);
    members.emplace_back("phase", std::string(moment.phase));
    if (!wire_.send("progress", std::move(members)) || !listen(0)) end();
  }

 private:
  /// False: the manager is gone, or wants the run to end.
  bool listen(int milliseconds) {
    Json message;
    switch (wire_.receive(milliseconds, message)) {
      case Wire::Got::gone: return false;
      case Wire::Got::nothing: return true;
      case Wire::Got::message: break;
    }
    const auto type = message.text_or("type", "");
    began_ |= type == "go";
    if (type == "sent") read_sent(message);
    return type == "go" || type == "sent";
  }
  void read_sent(const Json& message) {
    const Json* counts = message.find("counts");
    if (!counts || !counts->array()) return;
    sent_.emplace();
    for (const auto& count : *counts->array()) {
      sent_->push_back(static_cast<std::uint64_t>(within(count.number() ? *count.number() : 0, 1e18)));
    }
  }
  static double within(double value, double most) { return value >= 0 && value <= most ? value : 0; }
  bool end() {
    interrupts_.ask_to_end();
    return false;
  }

  Wire& wire_;
  Interrupts& interrupts_;
  const std::uint32_t part_;
  const std::uint16_t run_;
  bool began_ = false;
  std::optional<std::vector<std::uint64_t>> sent_;
};

/// What the manager wants, if it may have it. Returns why not, empty if it may.
std::string read_wish(const Json& message, const Scenario*& scenario, Options& options) {
  const auto protocol = message.number_or("protocol", 0);
  if (protocol != Wire::kProtocol) {
    return "this worker speaks version " + std::to_string(Wire::kProtocol) +
           ", the manager another: use the same release";
  }
  const auto name = message.text_or("scenario", "");
  scenario = find_scenario(name);
  if (!scenario) return "no scenario " + name;
  std::vector<std::string> words;
  const Json* arguments = message.find("arguments");
  if (!arguments || !arguments->array()) return "no arguments";
  for (const auto& word : *arguments->array()) {
    if (!word.text()) return "an argument that is no text";
    // Before anything is parsed, as an option that names a file reads it there and then.
    if (option_for(*word.text()) != OptionFor::scenario) return *word.text() + " is not for workers";
    words.push_back(*word.text());
  }
  if (const auto wrong = parse_options(words, options); !wrong.empty()) return wrong;
  return refuse(*scenario, options);
}

}  // namespace

bool serve_manager(Wire wire) {
  Json wish;
  if (wire.receive(kFirstMessageMs, wish) != Wire::Got::message) return true;
  const Scenario* scenario = nullptr;
  Options options;
  options.quiet = true;
  if (const auto why = read_wish(wish, scenario, options); !why.empty()) {
    wire.send("refused", {{"why", why}});
    return true;
  }
  wire.send("hello", {{"protocol", double{Wire::kProtocol}},
                      {"tool", "bramble-bench " BRAMBLE_VERSION},
                      {"machine", describe_machine()}});

  Interrupts interrupts;
  Report report;
  ManagedRun managed(wire, interrupts, wish);
  Progress progress(0, {&managed});
  scenario->run({options, interrupts, report, progress, &managed});
  tell_strain(report, options, progress.seconds());
  wire.send("result", part_json(report));
  return !interrupts.seen_signal();
}

int run_worker(const Address& address) {
  raise_open_files();
  const Descriptor listener = listen_on(address);
  if (!listener) {
    std::fprintf(stderr, "bramble-bench: --worker: %s\n", std::strerror(errno));
    return 2;
  }
  std::printf(
      "bramble-bench worker at %s:%u. Whoever reaches this port may have this machine load any broker: for private "
      "networks only.\n",
      address.host.c_str(), static_cast<unsigned>(port_of(listener)));
  std::fflush(stdout);
  while (true) {
    pollfd wait{.fd = listener.get(), .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, -1);
    Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket && !serve_manager(Wire(std::move(socket)))) return 1;
  }
}

}  // namespace bramble::bench
