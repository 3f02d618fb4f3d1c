#include "broker/reactor/mesh.h"

namespace bramble {

Mesh::Mesh(unsigned reactors, std::size_t inbox_level_bytes, Quiescence& quiescence, Counters& counters,
           Nanoseconds busy_poll) {
  for (unsigned i = 0; i < reactors; ++i) {
    const ReactorId id{static_cast<std::uint16_t>(i)};
    reactors_.push_back(
        std::make_unique<Reactor>(id, reactors, inbox_level_bytes, quiescence, counters.of(id), busy_poll));
  }
}

ReactorId Mesh::least_loaded(ReactorId preferred) {
  ReactorId best = preferred;
  for (const auto& reactor : reactors_) {
    if (reactor->load().load(std::memory_order_relaxed) < (*this)[best].load().load(std::memory_order_relaxed)) {
      best = reactor->id();
    }
  }
  return best;
}

void Mesh::start(std::span<MessageHandler* const> handlers) {
  for (std::size_t i = 0; i < reactors_.size(); ++i) reactors_[i]->start(*handlers[i]);
}

void Mesh::stop() {
  for (const auto& reactor : reactors_) reactor->inbox().post(Stop{});
  for (const auto& reactor : reactors_) reactor->join();
}

}  // namespace bramble
