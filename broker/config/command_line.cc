#include "broker/config/command_line.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "broker/config/environment.h"

namespace bramble {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

// What -c and -p take from the next argument; nothing and a message if it is not there or not right.
std::string take_value(CommandLine& to, std::string_view flag, std::string_view value) {
  if (flag == "-c" || flag == "--config-file") {
    if (value.empty()) return "Error: " + std::string(flag) + " given, but no value behind it.";
    if (!to.config_file.empty()) {
      return "Error: " + std::string(flag) + " given twice: name one file, and let it name a folder with include_dir.";
    }
    to.config_file = value;
    return {};
  }
  if (flag == "--tls-keylog") {
    to.tls_keylog = value;
    return {};
  }
  const auto port = parse_number(value);
  if (!port || *port < 0 || *port > 65535) {
    return "Error: Invalid port specified (" + std::string(value) + "): a whole number from 0 to 65535.";
  }
  to.ports.push_back(static_cast<std::uint16_t>(*port));
  return {};
}

struct Flag {
  std::string_view letter, name;
  bool CommandLine::*field;
};
constexpr Flag kFlags[] = {
    {"-v", "--verbose", &CommandLine::verbose},   {"-q", "--quiet", &CommandLine::quiet},
    {"-d", "--daemon", &CommandLine::daemon},     {"", "--test-config", &CommandLine::test_config},
    {"", "--container", &CommandLine::container}, {"", "--version", &CommandLine::version},
    {"-h", "--help", &CommandLine::help},
};

constexpr const char* kNobodyOutside =
    ": opens no listener, so nobody outside this container reaches the broker, as with Mosquitto: write `listener "
    "1883` "
    "and who may connect (password_file, or allow_anonymous true)";

OrMessage<std::vector<ConfigLine>> lines_of_file(const CommandLine& command_line) {
  const std::string& file = command_line.config_file;
  if (file.empty()) return std::vector<ConfigLine>();
  if (command_line.first_start) return split_config(first_start_config(command_line.places), file);
  return read_config_file(file);
}

bool set_flag(CommandLine& to, std::string_view argument) {
  for (const Flag& flag : kFlags) {
    if (argument != flag.name && (flag.letter.empty() || argument != flag.letter)) continue;
    to.*flag.field = true;
    return true;
  }
  return false;
}

}  // namespace

OrMessage<CommandLine> parse_command_line(int argc, const char* const* argv) {
  CommandLine result;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (set_flag(result, argument)) continue;
    if (argument != "-c" && argument != "--config-file" && argument != "-p" && argument != "--port" &&
        argument != "--tls-keylog") {
      return wrong("Error: Unknown option '" + std::string(argument) + "'.");
    }
    if (i + 1 == argc) return wrong("Error: " + std::string(argument) + " given, but no value behind it.");
    if (std::string message = take_value(result, argument, argv[++i]); !message.empty()) return wrong(message);
  }
  return result;
}

std::string version_line() { return "bramble version " BRAMBLE_VERSION; }

std::string usage() {
  return version_line() +
         "\n\n"
         "A multithreaded MQTT broker for MQTT 5.0, 3.1.1 and 3.1.\n\n"
         "Usage: bramble [-c FILE] [-p PORT] [-v | -q] [-d]\n"
         "       bramble --test-config -c FILE\n"
         "       bramble --container [-c FILE]\n\n"
         " -c, --config-file FILE  read this configuration, in mosquitto.conf's language\n"
         " -p, --port PORT         listen on this port of this machine only; may be given several times. Not used "
         "when\n"
         "                         the configuration opens a listener\n"
         " -v, --verbose           log everything\n"
         " -q, --quiet             log nothing, whatever -v and the configuration say\n"
         " -d, --daemon            run in the background\n"
         "     --tls-keylog FILE   write the keys of TLS sessions to this file, to look into them with Wireshark\n"
         "     --test-config       say what is wrong with the configuration, or what it means, and end: status 3\n"
         "                         or 0\n"
         "     --container         take options from the environment too (BRAMBLE_MAX_QOS=1 is `max_qos 1`), and "
         "without -c\n"
         "                         read /etc/bramble/bramble.conf, else /mosquitto/config/mosquitto.conf, else\n"
         "                         /var/lib/bramble/bramble.conf, which the first start makes, with a user and his "
         "password\n"
         "     --version           print the version\n"
         " -h, --help              print this\n\n"
         "Without a configuration Bramble listens on port 1883 of this machine only, and lets everyone in.\n";
}

void find_config_file(CommandLine& command_line) {
  if (!command_line.container || !command_line.config_file.empty()) return;
  ContainerFile found = find_container_file(command_line.places);
  command_line.config_file = std::move(found.path);
  command_line.first_start = !found.there;
}

OrMessage<Config> load_config(const CommandLine& command_line) {
  auto lines = lines_of_file(command_line);
  if (!lines) return wrong(std::move(lines.error()));
  std::vector<std::string> warnings;
  if (command_line.container) {
    EnvironmentLines environment = environment_lines(command_line.environment);
    warnings = std::move(environment.warnings);
    lines = with_environment(std::move(*lines), std::move(environment.lines), warnings);
  }
  auto config = make_config(*lines, command_line.ports);
  if (!config) return config;
  if (command_line.container && config->local_only) warnings.push_back(command_line.config_file + kNobodyOutside);
  std::ranges::move(warnings, std::back_inserter(config->warnings));
  if (command_line.verbose) {
    config->broker.log_type = kLogTypesAll;
    config->origins["log_type"] = "-v";
  }
  if (command_line.quiet) {
    config->broker.log_dest = {"none"};
    config->origins["log_dest"] = "-q";
  }
  return config;
}

}  // namespace bramble
