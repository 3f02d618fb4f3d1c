// bramble-ctl: looks at configurations, asks a broker about its clients, and is a small client: to publish, to
// subscribe, to see whether a broker answers.
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

#include "broker/config/command_line.h"
#include "broker/config/show.h"
#include "broker/start_check.h"
#include "tools/ctl/commands.h"
#include "tools/passwd/ask.h"

namespace bramble::ctl {

namespace {

std::string usage() {
  return "bramble-ctl version " BRAMBLE_VERSION
         "\n\n"
         "Looks at configurations of Bramble and Mosquitto, and talks to a broker over TCP, TLS and Unix sockets.\n\n"
         "Usage: bramble-ctl config show FILE|--container\n"
         "                                         every option and the line it comes from, who may do what by each\n"
         "                                         listener, and where Mosquitto differs\n"
         "       bramble-ctl explain publish|subscribe|connect ...\n"
         "                                         whether a client may, and by which rule; who would get it\n"
         "       bramble-ctl clients ...           who is connected to a broker on this machine\n"
         "       bramble-ctl store ...             look into, check, export and import the broker's database\n"
         "       bramble-ctl import-mosquitto ...  copy configuration, users, access rules, certificates and database "
         "of a\n"
         "                                         Mosquitto of this machine, which stays as it is\n"
         "       bramble-ctl ping ...              whether a broker answers: status 0 or 1\n"
         "       bramble-ctl pub -t TOPIC ...      publish\n"
         "       bramble-ctl sub -t TOPIC ...      print what is published\n"
         "       bramble-ctl COMMAND --help\n\n"
         "Ends with 0; 1 if it did not work, or explain says that it is denied; 2 for a wrong command line; 3 for a "
         "wrong\n"
         "configuration.\n";
}

/// Who gives a user name and no password is asked, where there is somebody to ask.
OrMessage<void> complete(Login& login) {
  if (!login.user_name || login.password || ::isatty(STDIN_FILENO) == 0) return {};
  auto password = passwd::ask_password_once();
  if (!password) return tl::unexpected<std::string>(std::move(password.error()));
  if (!password->empty()) login.password = std::move(*password);
  return {};
}

struct Command {
  std::string_view name;
  Verb verb;
  int (*run)(const Options& options);
  const char* what;
};
constexpr Command kCommands[] = {
    {"pub", Verb::pub, &publish,
     "Usage: bramble-ctl pub -t TOPIC -m TEXT|-n|-f FILE|-s|-l [OPTION...]\n\nPublishes.\n\n"},
    {"sub", Verb::sub, &subscribe,
     "Usage: bramble-ctl sub -t FILTER [OPTION...]\n\nPrints the messages that are published, a line each.\n\n"},
    {"ping", Verb::ping, &ping,
     "Usage: bramble-ctl ping [OPTION...]\n\nConnects, sends a PINGREQ, and ends with status 0 if a PINGRESP comes: a "
     "health check.\n\n"},
};

int run(const Command& command, const std::vector<std::string>& words) {
  auto options = parse_options(command.verb, words);
  if (!options) return fail(kBadWords, fmt::format("{} ({} --help)", options.error(), command.name));
  if (options->help) return print(command.what + usage_of(command.verb)) ? kDone : kFailed;
  if (const auto completed = complete(options->login); !completed) return fail(kFailed, completed.error());
  return command.run(*options);
}

int run(const std::vector<std::string>& words) {
  const std::string& first = words.front();
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  for (const Command& command : kCommands) {
    if (first == command.name) return run(command, rest);
  }
  if (first == "explain") return explain(rest);
  if (first == "clients") return clients(rest);
  if (first == "store") return store(rest);
  if (first == "import-mosquitto") return import_mosquitto(rest);
  if (first == "config") {
    if (rest.size() != 2 || rest[0] != "show") {
      return fail(kBadWords, "which file? bramble-ctl config show FILE, or --container");
    }
    return show_config_file(rest[1]);
  }
  if (first == "--help" || first == "-h" || first == "help") return print(usage()) ? kDone : kFailed;
  if (first == "--version") return print("bramble-ctl version " BRAMBLE_VERSION "\n") ? kDone : kFailed;
  return fail(
      kBadWords,
      fmt::format("unknown command '{}': clients, config, explain, import-mosquitto, ping, pub, store or sub (--help)",
                  first));
}

}  // namespace

int fail(int status, const std::string& what) {
  std::fprintf(stderr, "bramble-ctl: %s\n", what.c_str());
  return status;
}

bool print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return true;
  fail(kFailed, "the standard output cannot be written to");
  return false;
}

int show_config_file(const std::string& file) {
  CommandLine command_line;
  command_line.container = file == "--container";
  if (!command_line.container) command_line.config_file = file;
  find_config_file(command_line);
  if (command_line.first_start) {
    return fail(kBadConfig, command_line.config_file + " is not there yet: the first start makes it");
  }
  const auto config = load_config(command_line);
  if (!config) return std::fprintf(stderr, "%s\n", config.error().c_str()), kBadConfig;
  const auto notes = check_start(*config, true);
  if (!notes) return std::fprintf(stderr, "%s\n", notes.error().c_str()), kBadConfig;
  for (const std::string& warning : config->warnings) std::fprintf(stderr, "%s\n", warning.c_str());
  for (const std::string& note : *notes) std::fprintf(stderr, "%s\n", note.c_str());
  return print(show_config(*config)) ? kDone : kFailed;
}

}  // namespace bramble::ctl

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a connection or a pipe that is gone is an error like others
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.empty()) {
    return bramble::ctl::fail(
        bramble::ctl::kBadWords,
        "which command? clients, config, explain, import-mosquitto, ping, pub, store or sub (--help)");
  }
  return bramble::ctl::run(words);
}
