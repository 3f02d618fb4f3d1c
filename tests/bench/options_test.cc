#include "tools/bench/options.h"

#include <cstdio>
#include <doctest/doctest.h>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "tools/bench/scenario.h"

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

TEST_CASE("where to show and tell is read") {
  Options options;
  CHECK(parse({"--report", "out.html", "--prometheus", "9090", "--quiet"}, options) == "");
  CHECK(options.report_file == "out.html");
  CHECK(options.prometheus == Address{"127.0.0.1", 9090});
  CHECK(options.given == std::vector<std::pair<std::string, std::string>>{
                             {"--report", "out.html"}, {"--prometheus", "9090"}, {"--quiet", ""}});
  CHECK(complaint({"--prometheus", "x"}) == "--prometheus cannot be 'x'");
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
  CHECK(complaint({"--sub-id", "1"}) == "--sub-id needs --version 5");
  CHECK(complaint({"--session-expiry", "1"}) == "--session-expiry needs --version 5");
  CHECK(complaint({"--will-qos", "1"}) == "--will-qos needs --will-topic");
  CHECK(complaint({"--client-id", "100%%"}) == "--client-id needs a %i, or all clients would have the same");
  CHECK(complaint({"--size", "9", "--payload-file", "/dev/null"}) ==
        "--payload-file and --size: one of them decides the size");
}

TEST_CASE("what a payload is made of decides whether it can be checked") {
  Options options;
  CHECK(options.payload() == std::string(64, 'x'));
  CHECK(options.stamped());

  const std::string file = "/tmp/bramble-bench-test-" + std::to_string(::getpid());
  std::ofstream(file) << "{\"on\": 1}";
  CHECK(parse({"--payload-file", file.c_str()}, options) == "");
  CHECK(options.payload() == std::string(24, '\0') + "{\"on\": 1}");
  CHECK(options.payload_bytes == 33);
  CHECK(options.stamped());

  CHECK(parse({"--no-header"}, options) == "");
  CHECK(options.payload() == "{\"on\": 1}");
  CHECK(options.payload_bytes == 9);
  CHECK_FALSE(options.stamped());
  std::remove(file.c_str());
  CHECK(complaint({"--payload-file", file.c_str()}) == "--payload-file cannot be '" + file + "'");
}

TEST_CASE("options of the connection are read, lists and booleans too") {
  Options options;
  CHECK(parse({"--source", "127.0.0.1,::1", "--nodelay", "false", "--clean-start", "false", "--version", "5",
               "--session-expiry", "60", "--sub-id", "7", "--will-topic", "w/%i", "--will-payload", "gone",
               "--will-qos", "1", "--will-retain"},
              options) == "");
  CHECK(options.sources == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK_FALSE(options.nodelay);
  CHECK_FALSE(options.clean_start);
  CHECK(options.session_expiry == 60);
  CHECK(options.subscription_id == 7);
  CHECK(options.will_topic == "w/%i");
  CHECK(options.will_payload == "gone");
  CHECK(options.will_qos == Qos::at_least_once);
  CHECK(options.will_retain);
  CHECK(complaint({"--source", "127.0.0.1,"}) == "--source cannot be '127.0.0.1,'");
  CHECK(complaint({"--source", "localhost"}) == "--source cannot be 'localhost'");
  CHECK(complaint({"--nodelay", "maybe"}) == "--nodelay cannot be 'maybe'");
  CHECK(complaint({"--topic", "a/%x"}) == "--topic cannot be 'a/%x'");
  CHECK(complaint({"--client-id", "%c"}) == "--client-id cannot be '%c'");
  CHECK(complaint({"--cert", "c"}) == "--cert needs --tls, --cafile or --insecure");
  CHECK(complaint({"--insecure", "--key", "k"}) == "--key needs --cert");
  CHECK(complaint({"--path", "/mqtt"}) == "--path needs --websocket");
  CHECK(complaint({"--websocket", "--path", "mqtt"}) == "--path cannot be 'mqtt'");
  CHECK(complaint({"--sub-id", "0", "--version", "5"}) == "--sub-id cannot be '0'");
}

TEST_CASE("a scenario refuses the options that it has no use for, by name") {
  const auto refusal = [](const char* scenario, std::initializer_list<const char*> arguments) {
    Options options;
    REQUIRE(parse(arguments, options) == "");
    return refuse(*find_scenario(scenario), options);
  };
  CHECK(refusal("pairs", {"--qos", "1", "--host", "h", "--rate", "5", "--topic", "%c/%i"}) == "");
  CHECK(refusal("conn", {"--qos", "1"}) == "conn has no --qos");
  CHECK(refusal("pairs", {"--filters", "5"}) == "pairs has no --filters");
  CHECK(refusal("retained", {"--threads", "2"}) == "retained has no --threads");
  CHECK(refusal("offline", {"--clean-start", "true"}) == "offline has no --clean-start");
  CHECK(refusal("wildcard", {"--topic", "%i"}) ==
        "wildcard makes many topics of its own: --topic can only be what they start with");
  CHECK(refusal("offline", {"--size", "23"}) ==
        "offline counts messages by the check header: payloads need it, and so at least 24 bytes");
  CHECK(find_scenario("nonsense") == nullptr);
}

TEST_CASE("every option that a scenario names is one") {
  for (const auto& scenario : kScenarios) {
    std::istringstream names{std::string(scenario.options)};
    for (std::string name; names >> name;) {
      CAPTURE(scenario.name);
      CAPTURE(name);
      CHECK((name.front() == '[' || takes_value(name).has_value()));
    }
  }
}

TEST_CASE("the help has a line for each option") {
  const std::string help = options_help();
  for (const char* name : {"--host", "--window", "--keepalive", "--json", "--pid", "--sub-qos"}) {
    CAPTURE(name);
    CHECK(help.find(std::string("  ") + name + " ") != std::string::npos);
  }
}
