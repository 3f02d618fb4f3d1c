#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "tools/common/tls_client.h"

namespace bramble::ctl {

/// How to reach a broker.
struct Place {
  std::string host = "localhost";
  std::uint16_t port = 0;   ///< 0: 1883, or 8883 with TLS
  std::string unix_socket;  ///< a path: instead of host and port
  bool control = false;     ///< that is the broker's control_socket
  // TLS, if one of these is given
  TlsTrust trust;
  bool system_authorities = false;
  bool insecure = false;         ///< the certificate may be for another host
  bool any_certificate = false;  ///< TLS with whoever answers, for a broker of which nothing is told
  std::string before_tls;        ///< what goes ahead of everything: a PROXY header

  bool tls() const {
    return !trust.cafile.empty() || !trust.capath.empty() || !trust.certificate.empty() || system_authorities ||
           any_certificate;
  }
  std::uint16_t port_used() const;
  std::string name() const;  ///< for people: "localhost:1883"
};

inline constexpr SteadyTime kNever = SteadyTime::max();

/// Bytes to a broker and back: over TCP, a Unix socket, or TLS over TCP. Every step has a time limit, but for looking a
/// host name up, whose limit is the system's.
/// Errors: a line for a person: what went wrong and what to do.  Threads: one.
class Stream {
 public:
  static OrMessage<std::unique_ptr<Stream>> open(const Place& place, SteadyTime until);
  virtual ~Stream();
  Stream(const Stream&) = delete;

  /// All of it.
  OrMessage<void> write(std::string_view bytes, SteadyTime until);
  /// What is there; empty: nothing yet.  Errors: the other side has closed, too.
  OrMessage<std::string_view> read();
  /// False: nothing came in time.
  bool wait_to_read(SteadyTime until) const { return wait(Wants::to_read, until); }
  /// To wait at for something to read; read() until it gives nothing first.
  int descriptor() const { return descriptor_; }

 protected:
  enum class Wants { nothing, to_read, to_write };
  /// Bytes that were taken or given; none, and what it waits for, if it cannot be done now.
  struct Step {
    std::size_t bytes = 0;
    Wants wants = Wants::nothing;
  };
  Stream(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  virtual OrMessage<Step> write_some(std::string_view bytes);
  virtual OrMessage<Step> read_some(std::span<char> to);
  /// False: not within the time.
  bool wait(Wants wants, SteadyTime until) const;
  const std::string& name() const { return name_; }

 private:
  int descriptor_;
  std::string name_;
  std::string buffer_;
};

/// TLS over a connected socket, which it takes.
OrMessage<std::unique_ptr<Stream>> open_tls(int descriptor, const Place& place, SteadyTime until);

/// For poll(); -1: for ever.
int milliseconds_until(SteadyTime until);
/// When the next of so many has had its part of the time, so that one that is silent leaves some to the others.
SteadyTime share_of(SteadyTime until, std::size_t left);

}  // namespace bramble::ctl
