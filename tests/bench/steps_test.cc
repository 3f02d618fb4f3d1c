#include "tools/bench/steps.h"

#include <doctest/doctest.h>

using namespace bramble::bench;
using bramble::mqtt::Qos;

namespace {

std::string complaint(const std::string& text, const std::vector<std::string>& last = {}) {
  std::vector<Step> steps;
  return parse_steps("load", text, last, steps);
}

}  // namespace

TEST_CASE("a scenario file is read line by line, with names, comments and options for all that follows") {
  std::vector<Step> steps;
  REQUIRE(parse_steps("load",
                      "# a test\n"
                      "\n"
                      "pairs --pubs 3   # before the defaults\n"
                      "--qos 1 --host broker\r\n"
                      "  wide: \t fanout --subs 7\n"
                      "conn\n",
                      {"--port", "1999", "--qos", "2"}, steps) == "");
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].name == "pairs");
  CHECK(steps[0].options.publishers == 3);
  CHECK(steps[0].options.host == "127.0.0.1");
  CHECK(steps[1].name == "wide");
  CHECK(steps[1].scenario->name == "fanout");
  CHECK(steps[1].options.subscribers == 7);
  CHECK(steps[1].options.host == "broker");
  CHECK(steps[1].options.qos == Qos::exactly_once);  // the command line comes last
  CHECK(steps[2].options.host == "broker");
  CHECK(steps[2].options.port == 1999);
  CHECK_FALSE(steps[2].options.has("--qos"));  // conn has none
}

TEST_CASE("words with spaces stand in quotes") {
  std::vector<Step> steps;
  REQUIRE(parse_steps("load", R"(conn --will-topic "a b#" --will-payload "say \"no\"")", {}, steps) == "");
  CHECK(steps[0].options.will_topic == "a b#");
  CHECK(steps[0].options.will_payload == "say \"no\"");
}

TEST_CASE("what is wrong in a scenario file is told with its line") {
  CHECK(complaint("warm up: pairs") == "load:1: no scenario warm");
  CHECK(complaint("pairs\nnonsense") == "load:2: no scenario nonsense");
  CHECK(complaint("pairs --qos 7") == "load:1: --qos cannot be '7'");
  CHECK(complaint("conn --qos 1") == "load:1: conn has no --qos");
  CHECK(complaint("--nonsense 1\npairs") == "load:1: unknown option --nonsense");
  CHECK(complaint("--qos 7\npairs") == "load:1: --qos cannot be '7'");
  CHECK(complaint("conn --topic \"a") == "load:1: a quote is not closed");
  CHECK(complaint("one:") == "load:1: a name without a step");
  CHECK(complaint("# nothing") == "load has no step");
  CHECK(complaint("pairs", {"--nonsense"}) == "load:1: unknown option --nonsense");
  std::vector<Step> steps;
  CHECK(read_steps("/nowhere/at/all", {}, steps) == "cannot read /nowhere/at/all");
}
