#include "core/auth/password_hash.h"

#include <array>
#include <doctest/doctest.h>
#include <string>
#include <thread>

namespace bramble {

namespace {

using namespace std::string_literals;

constexpr std::array<unsigned char, 16> kSalt{'s', 'o', 'm', 'e', 's', 'a', 'l', 't'};
constexpr Argon2Cost kCheap{.memory_kib = 8, .passes = 1};
const std::string kDigest(86, 'A');  // 64 bytes in base64, but for "=="

std::span<const unsigned char> salt(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

PasswordHash parsed(std::string_view text) {
  auto hash = PasswordHash::parse(text);
  REQUIRE_MESSAGE(hash.has_value(), hash.error());
  return *hash;
}

std::string refused(const std::string& text) {
  const auto hash = PasswordHash::parse(text);
  REQUIRE_FALSE(hash.has_value());
  return hash.error();
}

struct Known {
  std::string text;
  std::string password;
};

void check_known(const Known& known) {
  CAPTURE(known.text);
  const PasswordHash hash = parsed(known.text);
  CHECK(hash.matches(known.password));
  CHECK_FALSE(hash.matches(known.password + "x"));
  CHECK_FALSE(hash.matches(known.password + "\0x"s));
  if (!known.password.empty()) {
    CHECK_FALSE(hash.matches(""));
    CHECK_FALSE(hash.matches(std::string_view(known.password).substr(1)));
  }
  CHECK(hash.text() == known.text);
  CHECK_FALSE(hash.decoy().matches(known.password));
  CHECK(hash.decoy().cost() == hash.cost());
}

}  // namespace

TEST_CASE("what Debian's mosquitto_passwd wrote is matched by its passwords and by no others") {
  check_known(
      {"$7$101$nwQwH/q5m791jGUA$"
       "Kf8DRJ39xLscPs8hItK76itetOTS8+8BPVI37Cnsjhgbp1DGCFu5G5eFOW/CkdmUHz+V9gy0GEFYofU5DxNW3Q==",
       "secret"});
  check_known(
      {"$7$101$L5Gi3LjUNYZiIt9U$"
       "QS4IVwDbmLFJ00W223oNxRSvCepRBZv60SvliR3W1qldOUXNBEeL5F8H0vi9GOTSw13AVUp24TS5X3SVJT2gbA==",
       "p@ss wörd"});
  check_known(
      {"$7$1000$faI/swa03zcHPAD7$"
       "FF74qeWfBhM2d3vb94zy4Ra95BwDEEtaNVKnOJCPuq4GYywnRyUQg2pNYu8PDhtRbfWzYIuw2eHUJsUiUyfBTA==",
       ""});
  check_known(
      {"$6$2e3CFGLfYmrQ9GqX$"
       "1R8Mel/vtUJj3rk6EbEwJ6lV0+opS4k0NUN0ijw8RFnPK4BUbd0zBQV7cH3RvzB+QhC+tMbBKj7CxHpXSiO2eQ==",
       "secret"});
  check_known(
      {"$6$YlNjV262PujYGnZx$"
       "t+EERf02vax/3xKw/AYpVi5xDpSAIwtaCjsfvd7AHMseay7fRrQQxWI+RwGKSsXwyxHe6NAn90+D12oRr/gbnQ==",
       ""});
}

TEST_CASE("PBKDF2 and SHA-512 agree with another implementation, for any bytes and for salts of any length") {
  check_known({"$7$1$c2FsdA==$hn9wzxreAs/zdSWZo6U9xK80x6ZpgVrl1RNVThyM8lLALUcKKFoFAbrZmb/pQ8CPBQI119aLHaVeY/c7YKV/zg==",
               "password"});
  check_known(
      {"$7$4096$c2EAbHQ=$nZ6cTNIf5L4k1bgkTHWWZfOdmPwSqcp1m7Ah2zz63zRYRK6+cN2LL2lm8l82E+EYe70k7SykPtE7JG5Gdb56uQ==",
       "pass\0word"s});
  std::string long_salt;  // 128 times "s"
  for (int i = 0; i < 42; ++i) long_salt += "c3Nz";
  check_known({"$7$3$" + long_salt + "c3M=$" +
                   "1j/rKxk4/KiQyp309EtaMAfo4fCSrKFgokC60p9Hh0Wls3Syio8foWZ41H3MNK68okJrZOwgoxBNGBnYeK0K7g==",
               "p"});
  check_known({"$6$c2FsdA==$lZWyqOiUAtWDQ2KWrEgsAunAyydyycpO2wpgnmV1tU8UvGMr72KCRgMwSO4RQIIsoKLtKfjb/nbm5cUJki4emQ==",
               "pass\0word"s});
}

TEST_CASE("Argon2id agrees with the vectors of its reference implementation, with one lane and with two") {
  check_known({"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"});
  check_known({"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"});
}

TEST_CASE("a new hash is matched by its password, of any bytes and any length, and is read back as it was written") {
  for (const auto& password : {""s, "secret"s, "\0c"s, "a\0b"s, "\xFF\xFE:$\n"s, std::string(65'535, 'p')}) {
    for (const auto& hash : {PasswordHash::sha512(password, salt("s")), PasswordHash::pbkdf2(password, kSalt, {7}),
                             PasswordHash::argon2id(password, kSalt, kCheap)}) {
      check_known({hash.text(), password});
      CHECK(PasswordHash::looks_hashed(hash.text()));
      CHECK(parsed(hash.text()).cost() == hash.cost());
    }
  }
  CHECK_FALSE(PasswordHash::sha512("", kSalt).matches(std::string(65'536, 'p')));
}

TEST_CASE("a new hash has the cost it was asked for, and by default one that takes a server about 40 ms") {
  CHECK(PasswordHash::pbkdf2("", kSalt, {7}).text().starts_with("$7$7$"));
  CHECK(PasswordHash::argon2id("", kSalt, {.memory_kib = 16, .passes = 3, .lanes = 2})
            .text()
            .starts_with("$argon2id$v=19$m=16,t=3,p=2$"));
  CHECK(PasswordHash::argon2id("x", kSalt).text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  CHECK(microseconds(Sha512Cost{}) < microseconds(Pbkdf2Cost{101}));
  CHECK(microseconds(Pbkdf2Cost{101}) < microseconds(Argon2Cost{}));
  CHECK(microseconds(Argon2Cost{}) < microseconds(Pbkdf2Cost{}));
}

TEST_CASE("[RFC 2104, 2] to HMAC, and so to a $7$ hash, zero bytes at the end of a password are none") {
  CHECK(PasswordHash::pbkdf2("a", kSalt, {7}).matches("a\0"s));
  CHECK_FALSE(PasswordHash::sha512("a", kSalt).matches("a\0"s));
  CHECK_FALSE(PasswordHash::argon2id("a", kSalt, kCheap).matches("a\0"s));
}

TEST_CASE("the same password with another salt has another hash") {
  CHECK(PasswordHash::sha512("x", salt("a")).text() != PasswordHash::sha512("x", salt("b")).text());
  CHECK_FALSE(parsed("$6$YQ==" + PasswordHash::sha512("x", salt("b")).text().substr(7)).matches("x"));
}

TEST_CASE("a hash that asks for too much work or memory is refused, and the message says how much there may be") {
  const std::string tail = "$c2FsdHNhbHQ$" + std::string(43, 'A');
  const std::string sha = "$c2FsdA==$" + kDigest + "==";
  CHECK(refused("$7$1000001" + sha) == "has iterations 1000001: at most 1000000 are computed");
  CHECK(refused("$7$0" + sha) == "has 0 iterations: at least 1");
  CHECK(parsed("$7$1000000" + sha).cost() == PasswordCost(Pbkdf2Cost{1'000'000}));
  const std::string argon = "$argon2id$v=19$";
  CHECK(refused(argon + "m=262145,t=1,p=1" + tail) == "has m = 262145: at most 262144 are computed");
  CHECK(refused(argon + "m=262144,t=5,p=1" + tail) == "has m times t = 1310720: at most 1048576 are computed");
  CHECK(refused(argon + "m=8,t=1001,p=1" + tail) == "has t = 1001: at most 1000 are computed");
  CHECK(refused(argon + "m=4096,t=1,p=17" + tail) == "has p = 17: at most 16 are computed");
  CHECK(refused(argon + "m=15,t=1,p=2" + tail) == "needs an m of at least 8 times p");
  CHECK(refused(argon + "m=0,t=1,p=0" + tail) == "needs p and t of at least 1");
  CHECK(refused(argon + "m=8,t=0,p=1" + tail) == "needs p and t of at least 1");
  CHECK(parsed(argon + "m=262144,t=4,p=16" + tail).cost() == PasswordCost(Argon2Cost{262'144, 4, 16}));
  for (const auto* number : {"4294967296", "18446744073709551617", "-1", "+1", "", "01", "1 ", "0x1"}) {
    CHECK(refused("$7$"s + number + sha) == "needs a number of iterations behind its $7$");
    CHECK(refused(argon + "m=" + number + ",t=1,p=1" + tail) == "needs m=KIB,t=PASSES,p=LANES behind its v=19");
  }
}

TEST_CASE("text that is no hash of a known form is refused, and the message says what is missing") {
  for (const auto* text :
       {"", "secret", "$", "$6", "$5$c2FsdA==$AAAA", "$2b$12$abcdefg", "$argon2i$v=19$m=8,t=1,p=1$x$y"}) {
    CHECK(refused(text) == "has none of the known forms: $6$, $7$ and $argon2id$");
  }
  const std::string salt_wrong = "needs a salt in base64 with padding, of 1 to 128 bytes";
  const std::string hash_wrong = "needs 64 bytes in base64 with padding behind its salt";
  for (const auto* begin : {"$6$", "$7$101$"}) {
    CHECK(refused(begin + ""s) == salt_wrong);
    CHECK(refused(begin + "$"s + kDigest + "==") == salt_wrong);
    CHECK(refused(begin + "c2FsdA$"s + kDigest + "==") == salt_wrong);
    CHECK(refused(begin + std::string(176, 'A') + "$" + kDigest + "==") == salt_wrong);
    CHECK(refused(begin + "c2FsdA=="s) == hash_wrong);
    CHECK(refused(begin + "c2FsdA==$"s + kDigest) == hash_wrong);
    CHECK(refused(begin + "c2FsdA==$"s + kDigest + "AA") == hash_wrong);
    CHECK(refused(begin + "c2FsdA==$"s + kDigest + "==$") == hash_wrong);
    CHECK(refused(begin + "c2FsdA==$AAAA"s) == hash_wrong);
  }
  const std::string begin = "$argon2id$v=19$m=8,t=1,p=1";
  const std::string hash = std::string(43, 'A');
  const std::string version_wrong = "has an old or unknown version of Argon2id: v=19 is known";
  const std::string argon_hash_wrong = "needs 16 to 64 bytes in base64 without padding behind its salt";
  CHECK(refused("$argon2id$m=8,t=1,p=1$c2FsdHNhbHQ$" + hash) == version_wrong);
  CHECK(refused("$argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$" + hash) == version_wrong);
  for (const auto* costs :
       {"m=8,t=1", "t=1,m=8,p=1", "m=8,t=1,p=1,keyid=AAAA", "m=8,t=1,p=1,", "M=8,t=1,p=1", ",", ""}) {
    CHECK(refused("$argon2id$v=19$"s + costs + "$c2FsdHNhbHQ$" + hash).starts_with("needs m=KIB,t=PASSES,p=LANES"));
  }
  CHECK(refused(begin + "$c2FsdA$" + hash) == "needs a salt in base64 without padding, of 8 to 128 bytes");
  CHECK(refused(begin + "$c2FsdHNhbHQ=$" + hash) == "needs a salt in base64 without padding, of 8 to 128 bytes");
  CHECK(refused(begin + "$c2FsdHNhbHQ$" + hash + "=") == argon_hash_wrong);
  CHECK(refused(begin + "$c2FsdHNhbHQ$AAAA") == argon_hash_wrong);
  CHECK(refused(begin + "$c2FsdHNhbHQ$" + std::string(87, 'A')) == argon_hash_wrong);
  CHECK(refused(begin) == "needs a salt in base64 without padding, of 8 to 128 bytes");
}

TEST_CASE("what begins as the stored password of any program looks hashed, and all else is plain text") {
  for (const auto* text :
       {"$6$", "$7$x", "$2b$12$abc", "$y$j9T$abc", "$argon2i$v=19$", "$pbkdf2-sha512$1$a$b", "$apr1$x$y"}) {
    CHECK(PasswordHash::looks_hashed(text));
  }
  for (const auto* text : {"", "secret", "$", "$$", "$money", "US$5$", "$Ab$", "$a b$"}) {
    CHECK_FALSE(PasswordHash::looks_hashed(text));
  }
}

TEST_CASE("many threads may ask the same hash") {
  const PasswordHash hash = PasswordHash::argon2id("secret", kSalt, {.memory_kib = 64, .passes = 1});
  std::array<int, 4> right{};
  std::array<std::thread, 4> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&hash, &count = right[i]] {
      for (int round = 0; round < 20; ++round) count += hash.matches("secret") && !hash.matches("Secret") ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int count : right) CHECK(count == 20);
}

}  // namespace bramble
