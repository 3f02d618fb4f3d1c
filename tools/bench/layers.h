#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tools/common/tls_client.h"

namespace bramble::bench {

/// What lies between MQTT and the socket.
struct LayerPlan {
  bool tls = false;
  TlsTrust trust;
  bool insecure = false;  ///< whatever certificate the broker has
  bool websocket = false;
  std::string path = "/mqtt";
  std::string host;  ///< as the command line names it

  bool any() const { return tls || websocket; }
};

class TlsLayer;
class WebSocketLayer;

/// The layers of one connection: TLS, a WebSocket, or a WebSocket in TLS. It never waits: bytes go in, bytes come out.
/// One MQTT packet makes one WebSocket frame, as clients do it.
/// Errors: words, empty if there are none; the connection is of no use after them.  Threads: its client's.
class Layers {
 public:
  /// `context`: of make_context(), null without TLS.
  Layers(const LayerPlan& plan, SSL_CTX* context);
  ~Layers();

  /// Verifies what the plan says of certificates. Null without TLS.  Errors: a line that names the option.
  static OrMessage<TlsContext> make_context(const LayerPlan& plan);

  /// What has to be said first.
  void begin(std::string& wire);
  /// MQTT may be sent.
  bool open() const;
  /// Appends what the bytes that `came` mean to `packets`, and what is to be answered at once to `wire`.
  std::string receive(std::span<char> came, std::string& packets, std::string& wire);
  /// `packets`: whole ones.
  void send(std::string_view packets, std::string& wire);

 private:
  std::unique_ptr<TlsLayer> tls_;
  std::unique_ptr<WebSocketLayer> websocket_;
};

/// The plan and what its connections share. Threads: any.
struct Layering {
  LayerPlan plan;
  TlsContext context;

  std::unique_ptr<Layers> make() const { return std::make_unique<Layers>(plan, context.get()); }
};

}  // namespace bramble::bench
