#include "tools/bench/output/compare.h"

#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <string>
#include <unistd.h>

#include "tools/bench/output/figures.h"

using namespace bramble::bench;
using Kind = Change::Kind;

namespace {

Json result(const std::string& figures) {
  auto value = Json::parse("{\"scenario\":\"pairs\",\"qos\":0," + figures +
                           ",\"machine\":{\"cpu\":\"x\",\"cores\":2,\"kernel\":\"k\"}}");
  REQUIRE(value);
  return *value;
}

const Change& of(const Comparison& comparison, std::string_view key) {
  for (const auto& change : comparison.changes) {
    if (change.key == key) return change;
  }
  FAIL("no change of " << key);
  std::abort();
}

}  // namespace

TEST_CASE("a rate that falls and a latency that rises are worse, the reverse is better") {
  const auto down =
      compare(result("\"delivered_per_s\":1000,\"p99_us\":10"), result("\"delivered_per_s\":800,\"p99_us\":20"), 10);
  CHECK(of(down, "delivered_per_s").kind == Kind::worse);
  CHECK(of(down, "delivered_per_s").percent == doctest::Approx(-20));
  CHECK(of(down, "p99_us").kind == Kind::worse);
  CHECK(of(down, "p99_us").percent == doctest::Approx(100));
  CHECK(down.worse);
  const auto up =
      compare(result("\"delivered_per_s\":800,\"p99_us\":20"), result("\"delivered_per_s\":1000,\"p99_us\":10"), 10);
  CHECK(of(up, "delivered_per_s").kind == Kind::better);
  CHECK(of(up, "p99_us").kind == Kind::better);
  CHECK_FALSE(up.worse);
}

TEST_CASE("a change within the tolerance is none") {
  const auto before = result("\"cpu_per_M\":1.0"), after = result("\"cpu_per_M\":1.09");
  CHECK(of(compare(before, after, 10), "cpu_per_M").kind == Kind::same);
  CHECK(of(compare(before, after, 5), "cpu_per_M").kind == Kind::worse);
}

TEST_CASE("the first message lost is worse, however many percent of nothing that is") {
  const auto comparison = compare(result("\"lost\":0"), result("\"lost\":1"), 1'000);
  CHECK(of(comparison, "lost").kind == Kind::worse);
  CHECK(std::isinf(of(comparison, "lost").percent));
  CHECK(comparison.worse);
}

TEST_CASE("what the generator used differs and is never worse, and the longest latency does not decide") {
  const auto comparison =
      compare(result("\"gen_cpu_per_M\":1,\"max_us\":1"), result("\"gen_cpu_per_M\":2,\"max_us\":9"), 10);
  CHECK(of(comparison, "gen_cpu_per_M").kind == Kind::differs);
  CHECK(of(comparison, "max_us").kind == Kind::worse);
  CHECK_FALSE(comparison.worse);
}

TEST_CASE("runs that were not asked the same say so") {
  auto other =
      Json::parse("{\"scenario\":\"pairs\",\"qos\":1,\"machine\":{\"cpu\":\"y\",\"cores\":2,\"kernel\":\"k\"}}");
  const auto comparison = compare(result("\"lost\":0"), *other, 10);
  CHECK(comparison.unlike == std::vector<std::string>{"qos 0 -> 1", "cpu x -> y"});
  CHECK(comparison.changes.empty());  // qos is no figure, and lost is only in one
}

TEST_CASE("options that were not given alike are named, those that do not matter are not") {
  const auto comparison = compare(result("\"options\":{\"batch\":\"16\",\"port\":\"1\",\"qos\":\"0\"}"),
                                  result("\"options\":{\"batch\":\"1\",\"port\":\"2\",\"alias\":\"yes\"}"), 10);
  CHECK(comparison.unlike == std::vector<std::string>{"batch 16 -> 1", "alias - -> yes"});
}

TEST_CASE("the table has a line for each figure with before, after and change") {
  const std::string table = comparison_table(compare(result("\"p99_us\":1000"), result("\"p99_us\":1500"), 10));
  CHECK(table.find("p99_us") != std::string::npos);
  CHECK(table.find("1 000") != std::string::npos);
  CHECK(table.find("+50.0 %  WORSE") != std::string::npos);
}

TEST_CASE("comparing files ends with 0, with 1 if a figure got worse, with 2 if a file is no result") {
  std::string folder = "/tmp/bench-compare-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()));
  const std::string good = folder + "/good", bad = folder + "/bad", none = folder + "/none";
  std::ofstream(good) << "a table that came first\n" << result("\"lost\":0").dump() << "\n";
  std::ofstream(bad) << result("\"lost\":3").dump() << "\n";
  std::ofstream(none) << "not a result\n";
  CHECK(compare_files(good, good, 10) == 0);
  CHECK(compare_files(good, bad, 10) == 1);
  CHECK(compare_files(good, none, 10) == 2);
  CHECK(compare_files(folder + "/missing", good, 10) == 2);
  for (const auto& path : {good, bad, none}) std::remove(path.c_str());
  ::rmdir(folder.c_str());
}

TEST_CASE("a figure without a row goes by its unit") {
  CHECK(figure_of("new_thing_per_s").better == Better::higher);
  CHECK(figure_of("new_thing_ms").better == Better::lower);
  CHECK(figure_of("cpu_ms_per_new_thing").better == Better::lower);
  CHECK(figure_of("new_thing").better == Better::neither);
}
