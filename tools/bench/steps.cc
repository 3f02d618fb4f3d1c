#include "tools/bench/steps.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace bramble::bench {

namespace {

using Words = std::vector<std::string>;

/// The words of a line up to a #. Nothing: a quote is not closed.
std::optional<Words> words_of(const std::string& line) {
  Words words;
  bool quoted = false, inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (!quoted && !inside && c == '#') break;
    if (!quoted && (c == ' ' || c == '\t' || c == '\r')) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted && c == '\\' && i + 1 < line.size()) {
      words.back() += line[++i];
    } else {
      words.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  return words;
}

/// Appends those of the options in `from` that the scenario has. What is no option, or lacks its value, goes along, so
/// that whoever parses them says so.
void append_fitting(const Scenario& scenario, const Words& from, Words& to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto with_value = takes_value(from[i]);
    const bool fits = !with_value || has_option(scenario, from[i]);
    if (fits) to.push_back(from[i]);
    if (!with_value.value_or(false) || i + 1 == from.size()) continue;
    ++i;
    if (fits) to.push_back(from[i]);
  }
}

/// One line's step, with the options that hold before and after its own.
std::string parse_step(Words words, const Words& defaults, const Words& last, std::vector<Step>& steps) {
  Step step;
  if (words.front().size() > 1 && words.front().back() == ':') {
    step.name = words.front().substr(0, words.front().size() - 1);
    words.erase(words.begin());
    if (words.empty()) return "a name without a step";
  }
  step.scenario = find_scenario(words.front());
  if (step.name.empty()) step.name = words.front();
  if (!step.scenario) return "no scenario " + words.front();

  Words all;
  append_fitting(*step.scenario, defaults, all);
  all.insert(all.end(), words.begin() + 1, words.end());
  append_fitting(*step.scenario, last, all);
  if (const auto wrong = parse_options(all, step.options); !wrong.empty()) return wrong;
  if (const auto wrong = refuse(*step.scenario, step.options); !wrong.empty()) return wrong;
  steps.push_back(std::move(step));
  return {};
}

}  // namespace

std::string parse_steps(const std::string& file, const std::string& text, const Words& last, std::vector<Step>& steps) {
  std::istringstream lines(text);
  std::string line;
  Words defaults;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    const std::string place = file + ":" + std::to_string(number) + ": ";
    auto words = words_of(line);
    if (!words) return place + "a quote is not closed";
    if (words->empty()) continue;
    if (words->front().starts_with("--")) {
      Options ignored;
      if (const auto wrong = read_options(*words, ignored); !wrong.empty()) return place + wrong;
      defaults.insert(defaults.end(), words->begin(), words->end());
      continue;
    }
    if (const auto wrong = parse_step(std::move(*words), defaults, last, steps); !wrong.empty()) return place + wrong;
  }
  return steps.empty() ? file + " has no step" : std::string();
}

std::string read_steps(const std::string& file, const Words& last, std::vector<Step>& steps) {
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && !in.eof()) return "cannot read " + file;
  return parse_steps(file, text, last, steps);
}

}  // namespace bramble::bench
