// Command line, configuration, build, run.
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/config/command_line.h"
#include "broker/config/show.h"
#include "broker/control_file.h"
#include "broker/file_watch.h"
#include "broker/first_start.h"
#include "broker/log.h"
#include "broker/net/tls_context.h"
#include "broker/process.h"
#include "broker/service.h"
#include "broker/start_check.h"
#include "broker/store_folder.h"
#include "broker/watchdog.h"

namespace {

using namespace bramble;

sigset_t our_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGRTMIN}) ::sigaddset(&signals, signal);
  return signals;
}

/// They wait until main reads them from a descriptor, whoever comes first: the kernel drops what the first process of
/// a container neither blocks nor handles. Every thread inherits the mask.
void hold_signals() {
  const sigset_t signals = our_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_IGN);  // the first process of a container gets the orphans of others: they leave no zombies
}

int take_signals() {
  const sigset_t signals = our_signals();
  return ::signalfd(-1, &signals, SFD_CLOEXEC);
}

/// All of it, or with an error nothing: what may fail comes before what cannot be taken back.
OrMessage<void> take_over(Broker& broker, const CommandLine& command_line) {
  auto config = load_config(command_line);
  if (!config) return tl::unexpected(config.error());
  auto log = log::prepare(*config);
  if (!log) return tl::unexpected(log.error());
  const auto warnings = config->warnings;
  if (auto done = broker.reload(std::move(*config)); !done) return done;
  log::use(std::move(*log));
  for (const auto& warning : warnings) log::write(LogType::warning, "{}", warning);
  return {};
}

std::string where(const Broker& broker) {
  std::string all;
  for (const auto& address : broker.addresses()) all += (all.empty() ? "" : ", ") + address;
  return fmt::format("{} with {} reactor{}", all, broker.reactors(), broker.reactors() == 1 ? "" : "s");
}

/// What runs, and what main needs for it.
struct Running {
  const CommandLine& command_line;
  Broker& broker;
  Service& service;
  FileWatch watch{};
};

/// Everything is read again: files that the configuration names too.
void reload(Running& running) {
  running.service.reloading();
  const auto done = take_over(running.broker, running.command_line);
  running.watch.look_at(running.broker.config());
  running.service.keep(running.broker.lasting_sockets());
  if (done) {
    running.service.status("Listens on " + where(running.broker) + ".");
    log::write(LogType::notice, "The configuration has been read again, and holds.");
  } else {
    running.service.status("The configuration read last is not taken; the one before stays. " + done.error());
    log::write(LogType::error, "The configuration has been read again and is not taken; the one before stays. {}",
               done.error());
  }
  running.service.ready();
}

/// True: the broker goes on.
bool obey(int signal, Running& running) {
  Broker& broker = running.broker;
  if (signal == SIGTERM || signal == SIGINT) return false;
  if (signal == SIGHUP) {
    reload(running);
  } else if (signal == SIGRTMIN) {
    if (const auto reopened = log::reopen(); !reopened) log::write(LogType::error, "{}", reopened.error());
  } else if (signal == SIGUSR1) {
    const char* const done = broker.save_now() ? "what has changed goes to the disk now"
                                               : "nothing is kept on disk, so there is nothing to save";
    log::write(LogType::notice, "SIGUSR1: {}.", done);
  } else if (signal == SIGUSR2) {
    broker.print_subscriptions();
  }
  return true;
}

/// Of two waits for poll(), -1 for ever.
int shorter(int one, int other) { return one < 0 || other < 0 ? std::max(one, other) : std::min(one, other); }

/// Until SIGTERM or SIGINT.
void wait_for_end(int signals, Running running) {
  FileWatch& watch = running.watch;
  watch.look_at(running.broker.config());
  Watchdog watchdog(running.service, running.broker);
  while (true) {
    std::array<pollfd, 2> waits{pollfd{signals, POLLIN, 0}, pollfd{watch.descriptor(), POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), shorter(watch.wait_for_ms(), watchdog.wait_for_ms()));
    if (ready < 0 && errno != EINTR) return;
    watchdog.look();
    if (waits[1].revents != 0) watch.take();
    if (watch.due()) reload(running);
    signalfd_siginfo signal{};
    if (waits[0].revents == 0 || ::read(signals, &signal, sizeof signal) != sizeof signal) continue;
    if (!obey(static_cast<int>(signal.ssi_signo), running)) return;
  }
}

void greet(const Broker& broker, const Config& config) {
  log::write(LogType::notice, "bramble version {} listens on {}.", BRAMBLE_VERSION, where(broker));
  if (!config.local_only) return;
  const auto addresses = broker.addresses();
  const std::string port = addresses.front().substr(addresses.front().rfind(':') + 1);
  log::write(LogType::notice, "Try it, in two other terminals:");
  log::write(LogType::notice, "  mosquitto_sub -p {} -t '#' -v", port);
  log::write(LogType::notice, "  mosquitto_pub -p {} -t hello -m world", port);
}

int failed_to_start(const std::string& why) {
  log::fatal(why);
  log::close();
  return kExitStartFailed;
}

/// Nothing is there to look at yet.
OrMessage<std::vector<std::string>> check_first_start(const CommandLine& command_line) {
  return std::vector{command_line.config_file + ": is not there yet: the start makes it"};
}

int test(const CommandLine& command_line, const Config& config) {
  const auto notes = command_line.first_start ? check_first_start(command_line)
                                              : check_start(config, !command_line.config_file.empty());
  if (!notes) return std::fprintf(stderr, "%s\n", notes.error().c_str()), kExitBadConfig;
  for (const auto& warning : config.warnings) std::fprintf(stderr, "%s\n", warning.c_str());
  for (const auto& note : *notes) std::fprintf(stderr, "%s\n", note.c_str());
  const bool shown = std::fputs(show_config(config).c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return shown ? kExitOk : kExitStartFailed;
}

int run(const CommandLine& command_line, const std::shared_ptr<const Config>& config) {
  Service service;  // before anything of ours can have the number of a socket that is said to be handed over
  OrMessage<int> parent = -1;
  if (command_line.daemon) parent = become_daemon();
  if (!parent) return failed_to_start(parent.error());
  if (!command_line.daemon) log::take_streams();
  const int signals = take_signals();
  const std::size_t files = raise_file_limit();
  if (!command_line.tls_keylog.empty() && !TlsContext::log_keys_to(command_line.tls_keylog)) {
    return failed_to_start("--tls-keylog: cannot write " + command_line.tls_keylog + ": " + std::strerror(errno));
  }
  auto broker = Broker::build(config, service.take_sockets());
  if (!broker) return failed_to_start(broker.error());
  auto control = open_control_socket(*config);
  if (!control) return failed_to_start(control.error());
  if (*control) (*broker)->take_control_socket(std::move(**control));
  auto pid_file = PidFile::write(*config);
  if (!pid_file) return failed_to_start(pid_file.error());
  const auto account = account_to_become(*config, !command_line.config_file.empty());
  if (!account) return failed_to_start(account.error());
  if (*account) (*broker)->give_ports_to((*account)->id);
  const auto made = make_store_folder(*config, *account);
  if (!made) return failed_to_start(made.error());
  const auto dropped = drop_privileges(*config, *account);
  if (!dropped) return failed_to_start(dropped.error());
  if (const auto opened = log::open(*config); !opened) return failed_to_start(opened.error());
  for (const auto& warning : config->warnings) log::write(LogType::warning, "{}", warning);
  if (const auto other = other_account(*config, *account)) log::write(LogType::warning, "{}", *other);
  if (const auto few = few_files(*config, files)) log::write(LogType::warning, "{}", *few);
  if (*made) log::write(LogType::notice, "{}: made, for bramble.db.", config->store.persistence_location);
  if (const auto opened = (*broker)->open_store(); !opened) return failed_to_start(opened.error());

  (*broker)->start();
  greet(**broker, *config);
  service.keep((*broker)->lasting_sockets());
  service.status("Listens on " + where(**broker) + ".");
  service.ready();
  if (command_line.daemon) tell_parent(*parent);
  wait_for_end(signals, {command_line, **broker, service});
  service.stopping();
  log::write(LogType::notice, "bramble stops.");
  (*broker)->stop();
  pid_file->reset();
  log::close();
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  auto command_line = parse_command_line(argc, argv);
  if (!command_line) {
    std::fprintf(stderr, "%s\n", command_line.error().c_str());
    return kExitBadConfig;
  }
  if (command_line->help) return std::fputs(usage().c_str(), stdout), kExitOk;
  if (command_line->version) return std::puts(version_line().c_str()), kExitOk;
  if (!command_line->test_config) hold_signals();
  find_config_file(*command_line);
  auto config = load_config(*command_line);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().c_str());
    return kExitBadConfig;
  }
  if (command_line->test_config) return test(*command_line, *config);
  if (std::exchange(command_line->first_start, false)) {
    const auto account = account_to_become(*config, true);
    if (!account) return failed_to_start(account.error());
    if (const auto made = make_first_start(*config, command_line->places, *account); !made)
      return failed_to_start(made.error());
  }
  return run(*command_line, std::make_shared<const Config>(std::move(*config)));
}
