#include "broker/config/command_line.h"

#include <doctest/doctest.h>
#include <vector>

namespace {

bramble::OrMessage<bramble::CommandLine> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "bramble");
  return bramble::parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("the flags are Mosquitto's") {
  const auto line = parse({"-c", "x.conf", "-p", "1884", "--port", "1885", "-v", "-d", "--test-config"});
  REQUIRE(line.has_value());
  CHECK(line->config_file == "x.conf");
  CHECK(line->ports == std::vector<std::uint16_t>{1884, 1885});
  CHECK(line->verbose);
  CHECK(line->daemon);
  CHECK(line->test_config);
  CHECK_FALSE(line->quiet);
  CHECK(parse({"--version"})->version);
  CHECK(parse({"-h"})->help);
  CHECK(parse({"--help"})->help);
  CHECK(parse({})->config_file.empty());
}

TEST_CASE("an unknown flag is named in Mosquitto's words") {
  CHECK(parse({"--nonsense"}).error() == "Error: Unknown option '--nonsense'.");
  CHECK(parse({"-x"}).error() == "Error: Unknown option '-x'.");
  CHECK(parse({"x.conf"}).error() == "Error: Unknown option 'x.conf'.");
  CHECK(parse({""}).error() == "Error: Unknown option ''.");
}

TEST_CASE("a flag without its value, or with a wrong one, is refused") {
  CHECK(parse({"-c"}).error() == "Error: -c given, but no value behind it.");
  CHECK(parse({"-c", ""}).error() == "Error: -c given, but no value behind it.");
  CHECK(parse({"-c", "a", "-c", "b"}).error() ==
        "Error: -c given twice: name one file, and let it name a folder with include_dir.");
  CHECK(parse({"-p", ""}).error() == "Error: Invalid port specified (): a whole number from 0 to 65535.");
  CHECK(parse({"-p", "-1"}).error().starts_with("Error: Invalid port specified (-1)"));
  CHECK(parse({"-p", "0"}).has_value());
  CHECK(parse({"-p", "65536"}).error().starts_with("Error: Invalid port specified (65536)"));
  CHECK(parse({"-p", "mqtt"}).error().starts_with("Error: Invalid port specified (mqtt)"));
}

TEST_CASE("-v logs everything, and -q nothing even then") {
  auto config = bramble::load_config(*parse({"-v"}));
  REQUIRE(config.has_value());
  CHECK(config->broker.log_type == bramble::kLogTypesAll);
  config = bramble::load_config(*parse({"-q", "-v"}));
  REQUIRE(config.has_value());
  CHECK(config->broker.log_dest == std::vector<std::string>{"none"});
}

TEST_CASE("a configuration file that cannot be read is an error") {
  CHECK(bramble::load_config(*parse({"-c", "/nonexistent.conf"})).error().starts_with("/nonexistent.conf: "));
}
