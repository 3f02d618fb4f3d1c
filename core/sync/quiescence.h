#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/strong.h"

namespace bramble {

/// Quiescent-state based reclamation: what a writer has unlinked is freed once every reactor has ended the turn in
/// which it might have seen it. One cache line a reactor; a sleeping reactor is offline and holds nothing up. Readers
/// must be online and keep no pointer across quiescent() or offline(). All reactors begin offline. Threads: each
/// function with the ReactorId of the calling reactor's thread (one thread per id at a time).
class Quiescence {
 public:
  explicit Quiescence(unsigned reactors);
  ~Quiescence();  ///< frees everything still waiting: no reactor runs any more
  Quiescence(const Quiescence&) = delete;

  /// Before the first read of a shared structure after offline(). Costs a seq_cst fence (6 ns).
  void online(ReactorId here);
  /// End of a turn: `here` holds no pointer into a shared structure. 0.3 ns.
  void quiescent(ReactorId here);
  /// Before the reactor blocks.
  void offline(ReactorId here);

  /// `object` is unlinked already: nobody who begins a turn from now on can find it. It is freed by a later collect()
  /// of the same reactor, on its thread, in the order of retiring.
  using Free = void (*)(void* object);
  void retire(ReactorId here, void* object, Free free);
  template <class T>
  void retire(ReactorId here, T* object) {
    retire(here, object, [](void* it) { delete static_cast<T*>(it); });
  }
  /// Frees what may be freed; call now and then, between turns. True while something still waits (so the reactor
  /// should look again within a second).
  bool collect(ReactorId here);

 private:
  struct Line;
  std::uint64_t oldest_seen() const;

  // Rises with every retiring. What was retired at epoch e is unlinked for whoever has read e or more.
  alignas(64) std::atomic<std::uint64_t> epoch_{1};
  unsigned reactors_;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace bramble
