#include "tools/bench/naming.h"

#include <doctest/doctest.h>

#include "tools/bench/scenario.h"

using namespace bramble::bench;

TEST_CASE("in a template %i is the client's number, %c its client id and %% a percent sign") {
  CHECK(fill_template("a/%i/%c/%%", 7, "me") == "a/7/me/%");
  CHECK(fill_template("%i%i", 12) == "1212");
  CHECK(fill_template("plain", 7, "me") == "plain");
}

TEST_CASE("a template has no other letters behind a % than the known ones") {
  CHECK(is_template_of("a/%i/%c/%%", "ic"));
  CHECK(is_template_of("none", ""));
  CHECK_FALSE(is_template_of("%c", "i"));
  CHECK_FALSE(is_template_of("50%", "ic"));
  CHECK_FALSE(is_template_of("%%%", "ic"));
}

TEST_CASE("client ids, topics and Wills without a % keep the prefix meaning, with one they are templates") {
  Options options;
  options.client_id = "me";
  CHECK(client_settings(options, "s3", 8).client_id == "me-s3");
  CHECK(topic_of(options, 3, "me-s3", "x/3") == "bench/x/3");
  options.client_id = "dev-%i";
  options.topic = "plant/%c/%i";
  options.will_topic = "gone/%c";
  const auto settings = client_settings(options, "s3", 8);
  CHECK(settings.client_id == "dev-8");
  REQUIRE(settings.will);
  CHECK(settings.will->topic == "gone/dev-8");
  CHECK(topic_of(options, 3, settings.client_id, "x/3") == "plant/dev-8/3");
}
