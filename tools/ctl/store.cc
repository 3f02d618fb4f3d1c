// bramble-ctl store: looks at a database of the broker, checks it, writes it as JSON lines, and makes one from these or
// from Mosquitto's.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <optional>
#include <utility>

#include "broker/session/mosquitto_source.h"
#include "broker/store/database_check.h"
#include "broker/store/importing.h"
#include "broker/store/mosquitto_chunks.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/nobody.h"
#include "tools/ctl/store_export.h"
#include "tools/ctl/store_lines.h"
#include "tools/ctl/store_summary.h"

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "bramble.db";
constexpr std::string_view kSqliteMagic{"SQLite format 3\0", 16};

struct Words {
  std::string verb, file, to;
  bool help = false;
};

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

OrMessage<Words> parse(const std::vector<std::string>& words) {
  Words to;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--help") {
      to.help = true;
    } else if (word == "--to") {
      if (++at == words.size()) return wrong("--to: needs FOLDER behind it");
      to.to = words[at];
    } else if (word.starts_with("-") && word != "-") {
      return wrong(fmt::format("unknown option '{}'", word));
    } else if (to.verb.empty()) {
      to.verb = word;
    } else if (to.file.empty() && !word.empty()) {
      to.file = word;
    } else {
      return wrong(fmt::format("'{}': one file at a time", word));
    }
  }
  return to;
}

/// A file, or the database in a folder; nothing: the one in this folder.
std::string database_at(const std::string& named) {
  if (named.empty()) return kDatabase;
  std::error_code unknown;
  return fs::is_directory(named, unknown) ? (fs::path(named) / kDatabase).string() : named;
}

/// What a file begins with.
std::string begin_of(const std::string& file) {
  std::error_code unknown;
  std::string bytes;
  if (!fs::is_regular_file(file, unknown)) return bytes;
  std::ifstream in(file, std::ios::binary);
  bytes.resize(kSqliteMagic.size());
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return bytes;
}

int refuse_mosquitto(const std::string& file) {
  return fail(kFailed, file + ": is Mosquitto's database; make one of it with bramble-ctl store import");
}

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

int inspect(const std::string& file) {
  const Clocks clocks = Clocks::now();
  const auto contents = inspect_database(file);
  if (!contents) return fail(kFailed, contents.error());
  StoreSummary summary(clocks);
  const auto loaded = read_database(
      file, clocks, [&](std::uint64_t /*seed*/) -> auto& { return summary; });
  if (!loaded) return fail(kFailed, loaded.error());
  return print(file + "\n" + summary.text(*contents, *loaded)) ? kDone : kFailed;
}

int check(const std::string& file) {
  const auto found = check_database(file);
  if (!found) return fail(kFailed, found.error());
  Nobody nobody;
  const auto loaded = read_database(
      file, Clocks::now(), [&](std::uint64_t /*seed*/) -> auto& { return nobody; });
  if (!loaded) return fail(kFailed, loaded.error());
  std::string text;
  for (const std::string& each : *found) text += file + ": " + each + "\n";
  if (loaded->left_out > 0) text += file + ": " + counted(loaded->left_out, "record") + " cannot be used\n";
  const bool whole = text.empty();
  return print(whole ? file + ": nothing is wrong\n" : text) && whole ? kDone : kFailed;
}

int write_lines(const std::string& file) {
  constexpr std::size_t kBytesAtOnce = 1 << 16;
  const Clocks clocks = Clocks::now();
  std::optional<StoreExport> lines;
  std::string waiting;
  const auto take = [&](std::string_view line) {
    waiting += line;
    return waiting.size() < kBytesAtOnce || print(std::exchange(waiting, {}));
  };
  const auto loaded = read_database(
      file, clocks, [&](std::uint64_t seed) -> auto& { return lines.emplace(seed, clocks, take); });
  if (!loaded) return fail(kFailed, loaded.error());
  lines->end();
  if (!lines->printed() || !print(waiting)) return kFailed;
  if (loaded->left_out == 0) return kDone;
  return fail(kFailed, file + ": " + counted(loaded->left_out, "record") + " cannot be used and left out");
}

OrMessage<Database::Loaded> import_lines(const std::string& file, const fs::path& to, const Clocks& clocks) {
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  if (file != "-" && !opened) return wrong(file + ": cannot be read");
  std::istream& in = file == "-" ? std::cin : opened;
  return make_database(to, clocks, [&](Database& into) -> OrMessage<Database::Loaded> {
    Importing importing(into, clocks);
    auto loaded = read_store_lines(in, file == "-" ? "standard input" : file, clocks, into.seed(), importing);
    if (!loaded) return loaded;
    if (auto done = importing.finish(); !done) return wrong(std::move(done.error()));
    return loaded;
  });
}

OrMessage<Database::Loaded> import(const std::string& file, const fs::path& to) {
  const Clocks clocks = Clocks::now();
  if (file != "-") {
    const std::string begin = begin_of(file);
    if (begin == kSqliteMagic) return wrong(file + ": is a database already; stop the broker, and copy it");
    if (begin.starts_with(mosquitto::kMagic)) return import_into_new(file, to, clocks, source_of);
    if (!begin.starts_with("{")) {
      return wrong(file + ": is neither a database of Mosquitto nor what store export writes, or cannot be read");
    }
  }
  return import_lines(file, to, clocks);
}

int import(const Words& words) {
  std::error_code unknown;
  const fs::path folder = words.to.empty() ? "." : words.to;
  if (words.file.empty()) return fail(kBadWords, "which file? Mosquitto's database, or what store export has written");
  if (!fs::is_directory(folder, unknown)) return fail(kFailed, folder.string() + ": is no folder that is there");
  const fs::path to = words.to.empty() ? fs::path(kDatabase) : folder / kDatabase;
  const auto loaded = import(words.file, to);
  if (!loaded) return fail(kFailed, loaded.error());
  std::string text =
      fmt::format("{}: {} sessions, {} subscriptions, {} retained messages, {} waiting messages\n", to.string(),
                  loaded->sessions, loaded->subscriptions, loaded->retained, loaded->deliveries);
  if (loaded->left_out > 0) {
    text += words.file + ": " + counted(loaded->left_out, "record") + " damaged and left out\n";
  }
  return print(text) ? kDone : kFailed;
}

}  // namespace

std::string usage_of_store() {
  return "Usage: bramble-ctl store inspect [FILE|FOLDER]    what is in a database, and who waits for most\n"
         "       bramble-ctl store check [FILE|FOLDER]      whether all of it can be read: status 0 or 1\n"
         "       bramble-ctl store export [FILE|FOLDER]     its records as JSON, one a line\n"
         "       bramble-ctl store import FILE [--to FOLDER]\n"
         "                                                  make a database of Mosquitto's, or of what export has\n"
         "                                                  written (-: the standard input)\n\n"
         "A database is bramble.db in the current folder, or in FOLDER. It must not be in use by a broker. Import "
         "makes\n"
         "a new one, all of it or none; FILE is not changed.\n";
}

int store(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  if (!parsed) return fail(kBadWords, parsed.error() + " (store --help)");
  if (parsed->help) return print(usage_of_store()) ? kDone : kFailed;
  if (parsed->verb == "import") return import(*parsed);
  constexpr std::pair<std::string_view, int (*)(const std::string&)> kVerbs[] = {
      {"inspect", inspect}, {"check", check}, {"export", write_lines}};
  const auto* const verb = std::ranges::find(kVerbs, parsed->verb, [](const auto& each) { return each.first; });
  if (verb == std::end(kVerbs)) return fail(kBadWords, "store inspect, check, export or import (store --help)");
  if (!parsed->to.empty()) return fail(kBadWords, "--to: only of store import");
  const std::string file = database_at(parsed->file);
  if (begin_of(file).starts_with(mosquitto::kMagic)) return refuse_mosquitto(file);
  return verb->second(file);
}

}  // namespace bramble::ctl
