#include "core/auth/base64.h"

#include <doctest/doctest.h>
#include <string>
#include <utility>

namespace bramble {

namespace {

std::vector<unsigned char> bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("[RFC 4648, 10] base64 writes and reads the standard's examples") {
  for (const auto& [plain, text] : {std::pair{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    CHECK(to_base64(bytes(plain), Padding::with) == text);
    CHECK(from_base64(text, Padding::with) == bytes(plain));
    std::string bare = text;
    while (bare.ends_with('=')) bare.pop_back();
    CHECK(to_base64(bytes(plain), Padding::without) == bare);
    CHECK(from_base64(bare, Padding::without) == bytes(plain));
    CHECK(from_base64(text, Padding::without).has_value() == (bare == text));
    CHECK(from_base64(bare, Padding::with).has_value() == (bare == text));
  }
}

TEST_CASE("base64 refuses what it would not write") {
  for (const auto* text : {"Z", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v====", "=", "====", "Zg==Zg==", "Z g=", "Zm-_",
                           "Zm9v\n", "Zg=\xC3", "Z\x80=="}) {
    CHECK_FALSE(from_base64(text, Padding::with));
  }
  for (const auto* text : {"Z", "Zh", "Zm9vY", "Zg=", " Zg", "Zm9vYmF"}) {
    CHECK_FALSE(from_base64(text, Padding::without));
  }
  CHECK_FALSE(from_base64(std::string_view("Zm\0v", 4), Padding::with));
}

TEST_CASE("base64 gives back any bytes") {
  std::vector<unsigned char> all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<unsigned char>(byte * 167));
    for (const auto padding : {Padding::with, Padding::without}) {
      REQUIRE(from_base64(to_base64(all, padding), padding) == all);
    }
  }
}

}  // namespace bramble
