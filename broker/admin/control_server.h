#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "broker/admin/answer.h"
#include "broker/net/bound_socket.h"

namespace bramble {

/// Answers at the control socket (core/control/protocol.h), on a thread of its own that sleeps while nobody asks. Only
/// root and the account that the broker runs as are answered, by what the kernel says of them (SO_PEERCRED), whatever
/// the mode of the file. Who says nothing or reads nothing is dropped, and meanwhile holds up nobody: all connections
/// are served in turn, a piece each. When there are too many, whoever has least time left makes room. Threads: main.
/// Memory: a request each (up to 256 KiB), and an answer's piece and what the client has not read yet.
class ControlServer {
 public:
  struct Limits {
    std::size_t connections = 64;
    Seconds silence{5};   ///< for the whole request, and between two reads of the client's
    Seconds in_all{120};  ///< for who reads an answer slowly
  };

  ControlServer(BoundSocket socket, const Commons& commons, Limits limits);
  ControlServer(BoundSocket socket, const Commons& commons);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;

  /// Once the reactors run, and before they stop.
  void start();
  void stop();
  std::string address() const { return socket_.address(); }

 private:
  class Peer;
  void run();
  void accept_some(SteadyTime now);

  const BoundSocket socket_;
  const Commons& commons_;
  const Limits limits_;
  std::list<std::unique_ptr<Peer>> peers_;  // the thread's
  SteadyTime accept_after_{};               // the same: no descriptors are left until then, perhaps
  int wake_ = -1;
  std::thread thread_;
};

}  // namespace bramble
