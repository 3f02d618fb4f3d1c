#include "tools/bench/options.h"

#include <doctest/doctest.h>
#include <initializer_list>
#include <string>
#include <vector>

using namespace bramble::bench;
using bramble::mqtt::Qos;
using bramble::mqtt::Version;

namespace {

std::string parse(std::initializer_list<const char*> arguments, Options& options) {
  const std::vector<const char*> list(arguments);
  return parse_options(static_cast<int>(list.size()), list.data(), options);
}

std::string complaint(std::initializer_list<const char*> arguments) {
  Options options;
  return parse(arguments, options);
}

}  // namespace

TEST_CASE("options are read into their fields") {
  Options options;
  CHECK(parse({"--host", "broker", "--port", "18830", "--qos", "2", "--version", "5", "--alias", "--rate", "2.5e3",
               "--duration", "0.5", "--count", "7", "--no-check", "--pubs", "3"},
              options) == "");
  CHECK(options.host == "broker");
  CHECK(options.port == 18'830);
  CHECK(options.qos == Qos::exactly_once);
  CHECK(options.granted_qos() == Qos::exactly_once);
  CHECK(options.version == Version::v5);
  CHECK(options.alias);
  CHECK(options.rate == 2'500);
  CHECK(options.time_to_measure() == std::chrono::milliseconds(500));
  CHECK(options.time_to_warm_up() == std::chrono::seconds(0));  // --count measures from the start
  CHECK(options.count == 7);
  CHECK_FALSE(options.check);
  CHECK(options.publishers == 3);
  CHECK_FALSE(options.subscribers);
}

TEST_CASE("a wrong command line is refused with the option's name") {
  CHECK(complaint({"--nonsense"}) == "unknown option --nonsense");
  CHECK(complaint({"--port"}) == "--port needs a value");
  CHECK(complaint({"--port", "0"}) == "--port cannot be '0'");
  CHECK(complaint({"--port", "65536"}) == "--port cannot be '65536'");
  CHECK(complaint({"--port", "18x"}) == "--port cannot be '18x'");
  CHECK(complaint({"--qos", "3"}) == "--qos cannot be '3'");
  CHECK(complaint({"--version", "6"}) == "--version cannot be '6'");
  CHECK(complaint({"--rate", "-1"}) == "--rate cannot be '-1'");
  CHECK(complaint({"--pubs", "0"}) == "--pubs cannot be '0'");
  CHECK(complaint({"--topic", ""}) == "--topic cannot be ''");
}

TEST_CASE("options that contradict each other are refused") {
  CHECK(complaint({"--alias"}) == "--alias needs --version 5");
  CHECK(complaint({"--password", "x"}) == "--password needs --username");
  CHECK(complaint({"--password", "x", "--version", "5"}) == "");
}

TEST_CASE("the help has a line for each option") {
  const std::string help = options_help();
  for (const char* name : {"--host", "--window", "--keepalive", "--json", "--pid", "--sub-qos"}) {
    CAPTURE(name);
    CHECK(help.find(std::string("  ") + name + " ") != std::string::npos);
  }
}
