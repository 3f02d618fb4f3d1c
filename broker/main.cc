// Command line, configuration, build, run.
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <sys/signalfd.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/config/command_line.h"
#include "broker/log.h"
#include "broker/process.h"

namespace {

using namespace bramble;

/// Signals come to main alone, as reads of a descriptor: every thread inherits the mask.
int take_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGRTMIN}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &signals, SFD_CLOEXEC);
}

/// Until SIGTERM or SIGINT.
void wait_for_end(int signals) {
  signalfd_siginfo signal{};
  while (::read(signals, &signal, sizeof signal) == sizeof signal) {
    const int number = static_cast<int>(signal.ssi_signo);
    if (number == SIGTERM || number == SIGINT) return;
    if (number == SIGHUP) {
      log::write(LogType::notice, "SIGHUP: the configuration is read at start only; restart to change it.");
    } else if (number == SIGRTMIN) {
      if (const auto reopened = log::reopen(); !reopened) log::write(LogType::error, "{}", reopened.error());
    } else if (number == SIGUSR1) {
      log::write(LogType::notice, "SIGUSR1: nothing is kept on disk, so there is nothing to save.");
    } else if (number == SIGUSR2) {
      log::write(LogType::notice, "SIGUSR2: the subscription table cannot be printed yet.");
    }
  }
}

void greet(const Broker& broker, const Config& config) {
  std::string where;
  const auto addresses = broker.addresses();
  for (const auto& address : addresses) where += (where.empty() ? "" : ", ") + address;
  log::write(LogType::notice, "bramble version {} listens on {} with {} reactor{}.", BRAMBLE_VERSION, where,
             broker.reactors(), broker.reactors() == 1 ? "" : "s");
  if (!config.local_only) return;
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

int run(const CommandLine& command_line, const std::shared_ptr<const Config>& config) {
  OrMessage<int> parent = -1;
  if (command_line.daemon) parent = become_daemon();
  if (!parent) return failed_to_start(parent.error());
  const int signals = take_signals();
  const std::size_t files = raise_file_limit();
  auto broker = Broker::build(config);
  if (!broker) return failed_to_start(broker.error());
  auto pid_file = PidFile::write(*config);
  if (!pid_file) return failed_to_start(pid_file.error());
  const auto dropped = drop_privileges(*config, !command_line.config_file.empty());
  if (!dropped) return failed_to_start(dropped.error());
  if (const auto opened = log::open(*config); !opened) return failed_to_start(opened.error());
  for (const auto& warning : config->warnings) log::write(LogType::warning, "{}", warning);
  if (const auto few = few_files(*config, files)) log::write(LogType::warning, "{}", *few);

  (*broker)->start();
  greet(**broker, *config);
  if (command_line.daemon) tell_parent(*parent);
  wait_for_end(signals);
  log::write(LogType::notice, "bramble stops.");
  (*broker)->stop();
  pid_file->reset();
  log::close();
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  const auto command_line = parse_command_line(argc, argv);
  if (!command_line) {
    std::fprintf(stderr, "%s\n", command_line.error().c_str());
    return kExitBadConfig;
  }
  if (command_line->help) return std::fputs(usage().c_str(), stdout), kExitOk;
  if (command_line->version) return std::puts(version_line().c_str()), kExitOk;
  auto config = load_config(*command_line);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().c_str());
    return kExitBadConfig;
  }
  if (command_line->test_config) {
    for (const auto& warning : config->warnings) std::fprintf(stderr, "%s\n", warning.c_str());
    return kExitOk;
  }
  return run(*command_line, std::make_shared<const Config>(std::move(*config)));
}
