#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/ctl/commands.h"

namespace bramble::ctl {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};

int failed(const std::string& what) { return fail(kFailed, "sub: " + what); }

/// Can be read from once somebody wants this program to end.
int take_ending_signals() {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  return ::signalfd(-1, &ending, SFD_CLOEXEC);
}

/// Out of this program, before the broker is told that it is dealt with.
bool show(const Delivery& delivery, bool with_topic) {
  std::string line;
  line.reserve(delivery.topic.size() + delivery.payload.size() + 2);
  if (with_topic) line.append(delivery.topic).append(" ");
  return print(line.append(delivery.payload).append("\n"));
}

/// True: at least one was taken.
bool any_taken(const Options& options, const std::vector<mqtt::ReasonCode>& codes) {
  bool any = false;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (mqtt::failed(codes[i])) {
      failed(fmt::format("the broker refuses {}: {}", options.topics[i], mqtt::name(codes[i])));
    } else {
      any = true;
    }
  }
  return any;
}

/// Status when the messages end.
int show_messages(Client& client, const Options& options, SteadyTime until, int stop) {
  for (std::uint32_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    const auto delivery = client.next(until, stop);
    if (!delivery) return failed(delivery.error());
    if (!*delivery) return until != kNever && steady_clock::now() >= until ? kTimedOut : kDone;
    if (!show(**delivery, options.verbose)) return kFailed;
    const auto acknowledged = client.acknowledge(**delivery, steady_clock::now() + kPatience);
    if (!acknowledged) return failed(acknowledged.error());
  }
  return kDone;
}

}  // namespace

int subscribe(const Options& options) {
  const SteadyTime until = options.timeout.count() != 0 ? steady_clock::now() + options.timeout : kNever;
  const SteadyTime answers = std::min(until, steady_clock::now() + kPatience);
  auto client = Client::connect(options.place, options.login, answers);
  if (!client) return failed(client.error());
  const int stop = take_ending_signals();
  const auto codes = client->subscribe(options.topics, options.qos, answers);
  if (!codes) return failed(codes.error());
  if (!any_taken(options, *codes)) return kFailed;
  const int status = show_messages(*client, options, until, stop);
  if (status == kFailed) return status;
  const SteadyTime end = steady_clock::now() + std::chrono::seconds(5);
  if (const auto settled = client->settle(end); !settled) return failed(settled.error());
  if (const auto ended = client->disconnect(end); !ended) return failed(ended.error());
  return status;
}

}  // namespace bramble::ctl
