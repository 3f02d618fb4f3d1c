#include "tools/bench/report.h"

#include <doctest/doctest.h>

#include "tools/bench/output/machine.h"
#include "tools/bench/output/numbers.h"
#include "tools/bench/output/page.h"

using namespace bramble::bench;
using std::chrono::microseconds;

namespace {

Report full_report() {
  Report report;
  report.text("scenario", "scenario", "pairs <&>");
  report.number("delivered_per_s", "delivered", 1'234'567, "/s");
  Histogram latency;
  for (int i = 1; i <= 1'000; ++i) latency.record(microseconds(i));
  report.latency("latency", latency);
  report.note("a note");
  report.warning("a <warning>");
  report.about("time", "2026-11-22T18:04:05Z");
  report.about("options", Json::Object{{"pubs", "5"}});
  report.seconds({{.at = 1, .phase = "measure", .in_per_s = 10, .broker_cores = 0.5, .broker_mb = 3.0},
                  {.at = 2, .phase = "measure", .in_per_s = 20, .broker_cores = 0.6, .broker_mb = 3.5}});
  return report;
}

std::size_t times(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the JSON of a report has its figures, what it says, the histogram and the seconds") {
  const auto json = Json::parse(full_report().json().dump());
  REQUIRE(json);
  CHECK(json->text_or("scenario", "") == "pairs <&>");
  CHECK(json->number_or("delivered_per_s", 0) == 1'234'567);
  for (const char* key : {"p50_us", "p90_us", "p99_us", "p999_us", "p9999_us", "max_us"}) {
    CAPTURE(key);
    CHECK(json->number_or(key, 0) > 0);
  }
  CHECK(*json->find("warnings")->array()->at(0).text() == "a <warning>");
  CHECK(json->find("options")->text_or("pubs", "") == "5");
  CHECK(json->find("seconds")->array()->size() == 2);
  double counted = 0;
  for (const auto& bucket : *json->find("histogram")->array()) {
    const auto& parts = *bucket.array();
    CHECK(*parts[0].number() < *parts[1].number());
    counted += *parts[2].number();
  }
  CHECK(counted == 1'000);
}

TEST_CASE("the page needs nothing from elsewhere and has every chart, figure and warning") {
  const std::string html = page(full_report());
  CHECK(times(html, "<svg") == 5);  // percentiles, histogram, rate, broker's CPU, broker's memory
  CHECK(times(html, "</svg>") == 5);
  for (const char* none : {"http:", "https:", "src=", "href=", "@import", "<script"}) {
    CAPTURE(none);
    CHECK(html.find(none) == std::string::npos);
  }
  for (const char* some : {"pairs &lt;&amp;&gt;", "a &lt;warning&gt;", "1 234 567 /s", "prefers-color-scheme: dark",
                           "pubs", "2026-11-22T18:04:05Z"}) {
    CAPTURE(some);
    CHECK(html.find(some) != std::string::npos);
  }
  CHECK(html.find("<&>") == std::string::npos);
  CHECK(html.find("nan") == std::string::npos);
}

TEST_CASE("seconds in which nothing came are no latency of zero, and what was never counted is no curve") {
  Report report = full_report();
  auto seconds = report.seconds();
  for (auto& second : seconds) second.p99_us = 7;
  report.seconds(seconds);
  CHECK(page(report).find("Latency of each second") != std::string::npos);
  seconds.back().p99_us = 0;
  report.seconds(seconds);
  const std::string html = page(report);
  CHECK(html.find("Latency of each second") == std::string::npos);  // one is no curve
  CHECK(html.find(">out<") == std::string::npos);
}

TEST_CASE("a report of a run that failed at once still makes a page") {
  Report report;
  report.fault("connected only 0 of 2 clients");
  const std::string html = page(report);
  CHECK(html.find("connected only 0 of 2 clients") != std::string::npos);
  CHECK(times(html, "<svg") == 0);
}

TEST_CASE("the machine is named by /proc/cpuinfo of a PC and of a Pi") {
  CHECK(cpu_model("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n") == "AMD EPYC");
  CHECK(cpu_model("processor\t: 0\nCPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n") ==
        "Raspberry Pi 4 Model B Rev 1.4");
  CHECK(cpu_model("") == "");
  const Json machine(describe_machine());
  CHECK(machine.number_or("cores", 0) >= 1);
  CHECK(machine.text_or("kernel", "").starts_with("Linux "));
}

TEST_CASE("numbers are shown short for people") {
  CHECK(for_people(1'234'567) == "1 234 567");
  CHECK(for_people(12.345) == "12.35");
  CHECK(for_people(-1'234) == "-1 234");
  CHECK(in_short(999.96) == "1.00k");
  CHECK(in_short(12'345) == "12.3k");
  CHECK(in_short(4'560'000) == "4.56M");
  CHECK(in_short(17) == "17");
  CHECK(in_short(0.25) == "0.25");
}
