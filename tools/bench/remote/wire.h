#pragma once

#include <string>

#include "tools/bench/output/json.h"
#include "tools/bench/socket.h"

namespace bramble::bench {

/// What manager and worker say to each other: objects of JSON with a "type", each behind its length (4 bytes, big
/// endian). A peer that sends more than kBytesMax at once, or no JSON, is gone.
///
///   manager -> worker: run {protocol, scenario, arguments, part, run}, go, sent {counts}, stop
///   worker -> manager: hello {protocol, tool, machine}, refused {why}, ready, progress {...}, sent {counts}, result
///   {...}
///
/// Threads: a value of one thread.
class Wire {
 public:
  static constexpr int kProtocol = 1;
  static constexpr std::size_t kBytesMax = 16 * 1024 * 1024;

  enum class Got { message, nothing, gone };

  /// A connected socket. It waits as long as sending takes, but at most a minute.
  explicit Wire(Descriptor socket);

  /// False: the peer is gone.
  bool send(std::string_view type, Json::Object members = {});
  /// Waits for a message, at most so long.
  Got receive(int milliseconds, Json& message);
  int fd() const { return socket_.get(); }

 private:
  /// Takes a whole message from what was read.
  Got take(Json& message);

  Descriptor socket_;
  std::string in_;
};

}  // namespace bramble::bench
