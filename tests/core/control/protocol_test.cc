#include "core/control/protocol.h"

#include <doctest/doctest.h>
#include <string>

namespace bramble::control {
namespace {

TEST_CASE("a line of the control socket says what was put in, whatever bytes that were") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  std::string text = Line("client").add("id", all).add("user", "").add("seconds", 12).text();
  CHECK(text.find('\n') == text.size() - 1);
  text.pop_back();
  const auto line = Line::parse(text);
  REQUIRE(line.has_value());
  CHECK(line->words() == std::vector<std::string>{"client"});
  CHECK(line->text_or("id", "") == all);
  REQUIRE(line->find("user") != nullptr);
  CHECK(line->find("user")->empty());
  CHECK(line->number_or("seconds", 0) == 12);
  CHECK(line->find("none") == nullptr);
  CHECK(line->number_or("id", 7) == 7);
}

TEST_CASE("UTF-8 stands in a line as it is") {
  CHECK(Line("client").add("id", "Küche 1").text() == "client id=Küche%201\n");
}

TEST_CASE("what is no line of the control socket is none") {
  for (const char* const text : {"", " ", "a ", " a", "a  b", "a =x", "a b=%", "a b=%4", "a b=%4x", "a b=%+4", "a\tb",
                                 "a b=c=d", "a\r", "a b=\x7f"}) {
    CAPTURE(text);
    CHECK_FALSE(Line::parse(text).has_value());
  }
  std::string many = "a";
  for (std::size_t i = 1; i < kPartsMax; ++i) many += " b=";
  CHECK(Line::parse(many).has_value());
  CHECK_FALSE(Line::parse(many + " b=").has_value());
}

}  // namespace
}  // namespace bramble::control
