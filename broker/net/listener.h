#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "broker/config/config.h"
#include "broker/reactor/mesh.h"

namespace bramble {

/// One listener of the configuration: its sockets, bound by main before any thread runs, accepted from by one reactor,
/// which gives each connection to the least loaded reactor. Threads: open() and name() main; attach() and accepting its
/// reactor; connections() any.
class Listener final {
 public:
  /// Binds and listens. Errors: a line that names the listener, where it was declared, and what to do.
  static OrMessage<std::unique_ptr<Listener>> open(std::uint32_t number, const ListenerOptions& options, bool nodelay);
  ~Listener();

  std::vector<std::string> addresses() const;  ///< what it listens on, "127.0.0.1:1883"
  const ListenerOptions& options() const { return options_; }
  void start_accepting(const OnReactor& here, Mesh& mesh);

  /// Connections of this listener, counted while their Connection lives.
  std::atomic<int>& connections() { return connections_; }

 private:
  class Socket;
  Listener(std::uint32_t number, const ListenerOptions& options, bool nodelay);

  const std::uint32_t number_;
  const ListenerOptions options_;
  const bool nodelay_;
  std::atomic<int> connections_{0};
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace bramble
