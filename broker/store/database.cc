#include "broker/store/database.h"

#include <algorithm>

#include "broker/store/engine.h"

namespace bramble {

OrMessage<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  auto taken = DatabaseFile::take(file);
  if (!taken) return tl::unexpected(std::move(taken.error()));
  auto engine = std::make_unique<Engine>(std::move(*taken));
  if (auto begun = engine->begin(); !begun) return tl::unexpected(std::move(begun.error()));
  return std::unique_ptr<Database>(new Database(std::move(engine)));
}

Database::Database(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Database::~Database() = default;

bool Database::created() const { return engine_->created(); }
std::string Database::take_moved() { return engine_->take_moved(); }
std::uint64_t Database::seed() const { return engine_->seed(); }

OrMessage<Database::Loaded> Database::load(Reader& reader, const Clocks& system,
                                           const std::function<void(std::uint64_t)>& progress) {
  return engine_->load(reader, system, progress);
}

OrMessage<void> Database::commit(std::span<const std::unique_ptr<Part>> parts, std::span<const RetainedChange> retained,
                                 const Clocks& system) {
  const bool empty = std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part->empty(); });
  if (empty && retained.empty()) return engine_->look_at_clock(system), OrMessage<void>{};
  return engine_->commit({parts, retained, system});
}

void Database::look_at_clock(const Clocks& system) { engine_->look_at_clock(system); }

void Database::checkpoint(bool somebody_waits) { engine_->checkpoint(somebody_waits); }

void Database::begin_run(bool stays_whole) { engine_->begin_run(stays_whole); }
void Database::end_run(const Clocks& system) { engine_->end_run(system); }

Database::Figures Database::figures() const { return engine_->figures(); }

}  // namespace bramble
