#include "tools/bench/output/json.h"

#include <doctest/doctest.h>
#include <limits>

using bramble::bench::Json;

TEST_CASE("a JSON value comes back as it was written") {
  const Json value(Json::Object{{"text", "a \"quoted\" \\ line\nand tab\t"},
                                {"whole", 9'007'199'254.0},
                                {"broken", 0.125},
                                {"list", Json::Array{true, Json(), -1.0, Json::Array{}}},
                                {"nested", Json::Object{{"empty", Json::Object{}}}}});
  const auto back = Json::parse(value.dump());
  REQUIRE(back);
  CHECK(back->dump() == value.dump());
  CHECK(back->text_or("text", "") == "a \"quoted\" \\ line\nand tab\t");
  CHECK(back->number_or("whole", 0) == 9'007'199'254.0);
  CHECK(back->number_or("broken", 0) == 0.125);
  CHECK(back->find("list")->array()->size() == 4);
}

TEST_CASE("JSON of other programs is read: spaces, escapes, exponents") {
  const auto value = Json::parse(" { \"a\" : [ 1e3 , -2.5E-1 , \"\\u00e9\\/\\n\" ] , \"b\":null } ");
  REQUIRE(value);
  const auto& list = *value->find("a")->array();
  CHECK(*list[0].number() == 1'000);
  CHECK(*list[1].number() == -0.25);
  CHECK(*list[2].text() == "é/\n");
}

TEST_CASE("what is no JSON is refused") {
  for (const char* text : {"", "{", "[1,]", "{\"a\"}", "{\"a\":1", "\"open", "\"\\x\"", "\"\\u12\"", "tru", "1 2",
                           "nan", "inf", "{a:1}", "[1 2]", "-"}) {
    CAPTURE(text);
    CHECK_FALSE(Json::parse(text));
  }
}

TEST_CASE("nesting is read 32 deep and no deeper") {
  CHECK(Json::parse(std::string(32, '[') + std::string(32, ']')));
  CHECK_FALSE(Json::parse(std::string(100'000, '[')));
}

TEST_CASE("what is not a finite number is written as null") {
  CHECK(Json(std::numeric_limits<double>::infinity()).dump() == "null");
  CHECK(Json(std::numeric_limits<double>::quiet_NaN()).dump() == "null");
}
