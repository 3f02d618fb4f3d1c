#include <fmt/format.h>

#include "tools/ctl/commands.h"

namespace bramble::ctl {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{5};

double milliseconds(steady_clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

}  // namespace

int ping(const Options& options) {
  const SteadyTime begun = steady_clock::now();
  const SteadyTime until = begun + (options.timeout.count() != 0 ? options.timeout : kPatience);
  auto client = Client::connect(options.place, options.login, until);
  if (!client) return fail(kFailed, "ping: " + client.error());
  const SteadyTime connected = steady_clock::now();
  if (const auto answered = client->ping(until); !answered) return fail(kFailed, "ping: " + answered.error());
  const SteadyTime answered = steady_clock::now();
  if (const auto ended = client->disconnect(until); !ended) return fail(kFailed, "ping: " + ended.error());
  const std::string said =
      fmt::format("{} answers: connected in {:.1f} ms, PINGRESP after {:.1f} ms\n", options.place.name(),
                  milliseconds(connected - begun), milliseconds(answered - connected));
  return print(said) ? kDone : kFailed;
}

}  // namespace bramble::ctl
