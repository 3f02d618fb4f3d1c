#include "broker/config/environment.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "broker/config/config.h"
#include "broker/config/option_names.h"
#include "broker/config/reading.h"

namespace bramble {

namespace {

constexpr std::string_view kPrefix = "BRAMBLE_";
constexpr std::string_view kListener = "listener";
constexpr std::string_view kPerListener = "per_listener_settings";
constexpr std::string_view kBlanks = " \t\r\n";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// What Kubernetes sets in every container beside a service named bramble, or bramble-...: SERVICE_HOST,
/// SERVICE_PORT_MQTT, PORT=tcp://10.0.0.7:1883, PORT_1883_TCP_ADDR and their like.
bool of_kubernetes(std::string_view name, std::string_view value) {
  if (name.ends_with("SERVICE_HOST") || contains(name, "SERVICE_PORT")) return true;
  if (name.ends_with("PORT") && contains(value, "://")) return true;
  const auto number = name.find("PORT_") + std::string_view("PORT_").size();
  if (!contains(name, "PORT_") || number == name.size() ||
      std::isdigit(static_cast<unsigned char>(name[number])) == 0) {
    return false;
  }
  return std::ranges::any_of(std::array{"_TCP", "_UDP", "_SCTP"},
                             [&](const char* kind) { return contains(name, kind); });
}

std::string as_variable(std::string_view option) {
  std::string name(option);
  for (char& letter : name) {
    letter = letter == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return name;
}

/// The option that is meant; for what is none, what the reading of lines finds no option in either.
std::string as_option(std::string_view name) {
  for (const std::string_view option : option_names()) {
    if (as_variable(option) == name) return std::string(option);
  }
  std::string lower(name);
  for (char& letter : lower) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return as_variable(lower) == name && !name.empty() ? lower : std::string(kPrefix) + std::string(name);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <class Rows>
bool has_row(const Rows& rows, std::string_view name) {
  return std::ranges::any_of(rows, [&](const auto& row) { return row.name == name; });
}

/// Below a `listener` line it is that listener's alone.
bool of_listener(std::string_view name, bool per_listener) {
  if (name == "port" || name == "bind_address") return false;
  return has_row(kListenerOptions, name) || has_row(kTlsOptions, name) || (per_listener && has_row(kAuthOptions, name));
}

/// per_listener_settings says what those behind it are about, who may log in needs the default listener before it then,
/// and what is behind a `listener` would be for that.
int order(const ConfigLine& line) {
  if (line.name == kPerListener) return 0;
  if (line.name == kListener) return 3;
  return has_row(kAuthOptions, line.name) ? 2 : 1;
}

std::optional<bool> sets_per_listener(const std::vector<ConfigLine>& lines) {
  const auto line = std::ranges::find(lines, kPerListener, &ConfigLine::name);
  return line == lines.end() ? std::nullopt : std::optional(line->value == "true");
}

/// `listener_allow_anonymous` says of one listener what `allow_anonymous` says of all.
const ConfigLine* outdone_by(const ConfigLine& line, const std::vector<ConfigLine>& environment) {
  constexpr std::string_view kOfOne = "listener_";
  if (!line.name.starts_with(kOfOne)) return nullptr;
  const auto other = std::ranges::find(environment, line.name.substr(kOfOne.size()), &ConfigLine::name);
  return other == environment.end() || other->value == line.value ? nullptr : &*other;
}

const ConfigLine* given_for(const std::vector<ConfigLine>& lines, const ConfigLine& line) {
  const auto same = std::ranges::find_if(lines, [&](const ConfigLine& other) {
    return line.name != kListener && meant_by(other.name) == meant_by(line.name);
  });
  return same == lines.end() ? nullptr : &*same;
}

}  // namespace

EnvironmentLines environment_lines(const char* const* environment) {
  EnvironmentLines found;
  std::string kubernetes;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const auto equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string whole(variable.substr(0, equals));
    const std::string_view name = std::string_view(whole).substr(kPrefix.size());
    const std::string_view value = trim(variable.substr(equals + 1));
    if (of_kubernetes(name, value)) {
      kubernetes += (kubernetes.empty() ? "" : ", ") + whole;
    } else if (name == "PASSWORD") {
      found.warnings.push_back(whole + ": is for bramble-ctl; the broker's users stand in its password_file");
    } else {
      found.lines.push_back({as_option(name), std::string(value), whole});
    }
  }
  if (!kubernetes.empty()) {
    found.warnings.push_back(kubernetes + ": as Kubernetes sets them for a service of this name; no options, not used");
  }
  std::ranges::sort(found.lines, {}, [](const ConfigLine& line) { return std::pair(order(line), line.name); });
  return found;
}

std::vector<ConfigLine> with_environment(std::vector<ConfigLine> file, std::vector<ConfigLine> environment,
                                         std::vector<std::string>& warnings) {
  const bool per_listener = sets_per_listener(environment).value_or(sets_per_listener(file).value_or(false));
  std::vector<ConfigLine> head, rest;
  std::size_t files = 0;
  std::set<std::size_t> below;  // a `listener` of the same file; another's is not for it
  for (ConfigLine& line : file) {
    files = std::max(files, line.file + 1);
    if (line.name == kListener) below.insert(line.file);
    if (const ConfigLine* const other = outdone_by(line, environment)) {
      warnings.push_back(fmt::format("{}: {}: counts for this listener, over {}", line.where, line.name, other->where));
    }
    const ConfigLine* const instead = given_for(environment, line);
    if (instead == nullptr || (below.contains(line.file) && of_listener(meant_by(line.name), per_listener))) {
      (below.empty() ? head : rest).push_back(std::move(line));
    } else {
      warnings.push_back(fmt::format("{}: {}: not used: {} takes its place", line.where, line.name, instead->where));
    }
  }
  for (ConfigLine& line : environment) {
    if (line.name == kListener) line.file = files;  // what the file says behind it is not for it
  }
  const auto others = std::ranges::find_if(environment, [](const ConfigLine& line) { return order(line) != 0; });
  std::vector<ConfigLine> all(environment.begin(), others);
  std::ranges::move(head, std::back_inserter(all));
  std::move(others, environment.end(), std::back_inserter(all));
  std::ranges::move(rest, std::back_inserter(all));
  return all;
}

}  // namespace bramble
