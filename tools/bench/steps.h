#pragma once

#include <string>
#include <vector>

#include "tools/bench/scenario.h"

/// Scenario files: a load test as text, one step a line, in the words of the command line.
///
///     # what holds for every step that has the option
///     --host broker.example --qos 1
///
///     warm: pairs --pubs 50 --duration 5     # a name, a scenario, its options
///     fanout --subs 1000
///
/// A line that begins with -- holds for the steps below it, as far as they have its options. Words with spaces stand in
/// "double quotes", in which a backslash makes the next character a plain one. Options behind the file's name on the
/// command line come last and hold for all steps that have them.
namespace bramble::bench {

struct Step {
  std::string name;  ///< its line's, or else the scenario's; empty: not from a file
  const Scenario* scenario = nullptr;
  Options options;
};

/// Appends the steps of `text`. Returns what is wrong, with the line's number behind `file`; empty if nothing.
std::string parse_steps(const std::string& file, const std::string& text, const std::vector<std::string>& last,
                        std::vector<Step>& steps);
/// The same for the file of that name.
std::string read_steps(const std::string& file, const std::vector<std::string>& last, std::vector<Step>& steps);

}  // namespace bramble::bench
