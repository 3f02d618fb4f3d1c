#pragma once

#include <latch>
#include <memory>

#include "broker/shard.h"

namespace bramble {

/// Has every shard do something, each on its reactor, and waits until all have.
/// Threads: main, while the reactors run.
template <class Work>
void on_all(Mesh& mesh, const Work& work) {
  struct Do final : Errand {
    Do(const Work& w, std::shared_ptr<std::latch> d) : work(w), done(std::move(d)) {}
    bool run(const OnReactor& here, MessageHandler& shard) override {
      work(here, static_cast<Shard&>(shard));
      done->count_down();
      return false;
    }
    const Work& work;
    const std::shared_ptr<std::latch> done;
  };
  const auto done = std::make_shared<std::latch>(mesh.size());
  for (unsigned i = 0; i < mesh.size(); ++i) mesh[i].inbox().post(std::make_unique<Do>(work, done));
  done->wait();
}

}  // namespace bramble
