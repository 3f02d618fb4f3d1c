#include <cstdio>
#include <fmt/format.h>

#include "broker/config/command_line.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/health.h"
#include "tools/ctl/running.h"

namespace bramble::ctl {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{5};

double milliseconds(steady_clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// The one that runs with this configuration: whatever it wants to know of a client, it need not be told.
int ping_configured(const Options& options, SteadyTime until) {
  CommandLine command_line;
  command_line.config_file = options.config_file;
  command_line.container = options.container;
  find_config_file(command_line);
  if (command_line.first_start)
    return fail(kFailed, fmt::format("ping: {} is not there yet", command_line.config_file));
  const auto config = load_config(command_line);
  const SteadyTime soon = options.container ? share_of(until, 2) : until;
  const auto answer = config ? ask_health(*config, soon) : OrMessage<std::string>(tl::unexpected(config.error()));
  if (answer) return print(*answer + "\n") ? kDone : kFailed;
  // A file that was changed since, well or not, makes no running broker unwell.
  const auto running = command_line.container ? ask_running(until) : answer;
  if (running)
    return print(fmt::format("{}, but not by its configuration: {}\n", *running, answer.error())) ? kDone : kFailed;
  if (!config) return std::fprintf(stderr, "%s\n", config.error().c_str()), kBadConfig;
  return fail(kFailed, "ping: " + answer.error());
}

}  // namespace

int ping(const Options& options) {
  const SteadyTime begun = steady_clock::now();
  const SteadyTime until = begun + (options.timeout.count() != 0 ? options.timeout : kPatience);
  if (!options.config_file.empty() || options.container) return ping_configured(options, until);
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
