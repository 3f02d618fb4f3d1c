#include "broker/store/database_check.h"

#include <fmt/format.h>

#include "broker/store/database_file.h"
#include "broker/store/loading.h"
#include "broker/store/schema.h"
#include "broker/store/statement.h"

namespace bramble {

namespace {

using Lines = std::vector<std::string>;

/// What must give no row, and what to say of how many it gives.
struct CrossCheck {
  const char* sql;
  const char* what;
};
// NULL is NOT IN an empty table.
constexpr CrossCheck kCrossChecks[] = {
    {"SELECT count(*) FROM q WHERE msg IS NULL AND facts IS NULL", "deliveries have neither a message nor its number"},
    {"SELECT count(*) FROM q WHERE msg IS NOT NULL AND msg NOT IN (SELECT id FROM msg)", "deliveries have no message"},
    {"SELECT count(*) FROM q WHERE sid NOT IN (SELECT sid FROM session)", "deliveries have no session"},
    {"SELECT count(*) FROM sub WHERE sid NOT IN (SELECT sid FROM session)", "subscriptions have no session"},
    {"SELECT count(*) FROM q2in WHERE sid NOT IN (SELECT sid FROM session)", "QoS 2 receipts have no session"},
    {"SELECT count(*) FROM msg WHERE id NOT IN (SELECT msg FROM q WHERE msg IS NOT NULL)", "messages wait for nobody"},
    {"SELECT count(*) - count(DISTINCT topic) FROM retained", "retained messages are on a topic that has another"},
};

std::string cannot_read(const std::filesystem::path& file, const SqlConnection& connection) {
  const Trouble trouble = connection.trouble();
  if (trouble.fault == Fault::in_use) return in_use(file);
  return fmt::format("cannot read {}: {}", file.string(), trouble.why);
}

std::uintmax_t size_of(const std::filesystem::path& file) {
  std::error_code none;
  const auto size = std::filesystem::file_size(file, none);
  return none ? 0 : size;
}

std::string log_of(const std::filesystem::path& file) { return file.string() + "-wal"; }

/// A file without a log is looked at as it lies there; with one, what counts may be in the log alone, which takes the
/// lock to read.
OrMessage<SqlConnection> open_to_inspect(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return tl::unexpected(fmt::format("cannot read {}: there is no such file", file.string()));
  }
  const bool logged = std::filesystem::exists(log_of(file), error);
  SqlConnection connection(file.string(),
                           logged ? SqlConnection::Access::inspect : SqlConnection::Access::inspect_file);
  constexpr const char* kLook = "SELECT count(*) FROM sqlite_schema";
  bool readable = connection.open() &&
                  connection.run(
                      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;"
                      "PRAGMA temp_store = MEMORY") &&
                  connection.run(kLook);
  if (!readable && connection.fault() == Fault::damaged) {  // one that was cut off, above all
    readable = connection.run("PRAGMA writable_schema = ON") && connection.run(kLook);
  }
  if (!readable) return tl::unexpected(cannot_read(file, connection));
  if (!is_ours(connection)) return tl::unexpected(fmt::format("{} is another program's database", file.string()));
  if (format_of(connection) > current_format()) {
    return tl::unexpected(fmt::format("{} has format {}, written by bramble {}; this one knows formats up to {}",
                                      file.string(), format_of(connection), written_by(connection), current_format()));
  }
  return connection;
}

std::uint64_t count(const SqlConnection& connection, const char* table) {
  return static_cast<std::uint64_t>(integer_of(connection, fmt::format("SELECT count(*) FROM {}", table)));
}

void check_pages(const SqlConnection& connection, Lines& found) {
  Statement statement(connection, "PRAGMA integrity_check(100)");
  auto step = statement.step();
  for (; step == Statement::Step::row; step = statement.step()) {
    if (statement.bytes(0) != "ok") found.emplace_back(statement.bytes(0));
  }
  if (step == Statement::Step::failed) found.push_back(connection.trouble().why);
}

void check_rows(const SqlConnection& connection, const CrossCheck& check, Lines& found) {
  Statement statement(connection, check.sql);
  if (statement.step() != Statement::Step::row) {
    found.push_back(connection.trouble().why);
  } else if (statement.integer(0) > 0) {
    found.push_back(fmt::format("{} {}", statement.integer(0), check.what));
  }
}

}  // namespace

OrMessage<DatabaseContents> inspect_database(const std::filesystem::path& file) {
  const auto connection = open_to_inspect(file);
  if (!connection) return tl::unexpected(connection.error());
  DatabaseContents contents{format_of(*connection), written_by(*connection)};
  contents.sessions = count(*connection, "session");
  contents.subscriptions = count(*connection, "sub");
  contents.receipts = count(*connection, "q2in");
  contents.retained = count(*connection, "retained");
  contents.messages = count(*connection, "msg") + count(*connection, "q WHERE msg IS NULL");
  contents.deliveries = count(*connection, "q");
  contents.file_bytes = size_of(file) + size_of(log_of(file));
  return contents;
}

OrMessage<Lines> check_database(const std::filesystem::path& file) {
  const auto connection = open_to_inspect(file);
  if (!connection) return tl::unexpected(connection.error());
  Lines found;
  check_pages(*connection, found);
  for (const CrossCheck& check : kCrossChecks) check_rows(*connection, check, found);
  return found;
}

OrMessage<Database::Loaded> read_database(const std::filesystem::path& file, const Clocks& system,
                                          const std::function<Database::Reader&(std::uint64_t seed)>& reader) {
  const auto connection = open_to_inspect(file);
  if (!connection) return tl::unexpected(connection.error());
  const std::function<void(std::uint64_t)> nobody;
  const auto seed = static_cast<std::uint64_t>(meta(*connection, "seed").value_or(0));
  const Calendar calendar(system, calendar_of(*connection));
  Loading loading(*connection, reader(seed), calendar.at(system.steady), nobody);
  loading.run();
  if (loading.trouble()) return tl::unexpected(cannot_read(file, *connection));
  return loading.loaded();
}

}  // namespace bramble
