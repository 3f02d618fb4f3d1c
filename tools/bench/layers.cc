#include "tools/bench/layers.h"

#include "tools/bench/tls_layer.h"
#include "tools/bench/websocket_layer.h"

namespace bramble::bench {

OrMessage<TlsContext> Layers::make_context(const LayerPlan& plan) {
  if (!plan.tls) return TlsContext();
  auto context = make_tls_client(plan.trust);
  if (context && plan.insecure) SSL_CTX_set_verify(context->get(), SSL_VERIFY_NONE, nullptr);
  return context;
}

Layers::Layers(const LayerPlan& plan, SSL_CTX* context) {
  if (plan.tls) tls_ = std::make_unique<TlsLayer>(plan, context);
  if (plan.websocket) websocket_ = std::make_unique<WebSocketLayer>(plan.host, plan.path);
}

Layers::~Layers() = default;

void Layers::begin(std::string& wire) {
  if (tls_) return tls_->begin(wire);
  websocket_->begin(wire);
}

bool Layers::open() const { return websocket_ ? websocket_->open() : tls_->open(); }

std::string Layers::receive(std::span<char> came, std::string& packets, std::string& wire) {
  if (!tls_) return websocket_->receive(came, packets, wire);
  const bool was_open = tls_->open();
  if (!websocket_) return tls_->receive({came.data(), came.size()}, packets, wire);
  std::string frames, answers;
  std::string wrong = tls_->receive({came.data(), came.size()}, frames, wire);
  if (!was_open && tls_->open()) websocket_->begin(answers);
  if (!frames.empty()) {
    if (std::string worse = websocket_->receive(frames, packets, answers); !worse.empty()) wrong = std::move(worse);
  }
  if (tls_->open()) tls_->send(answers, wire);
  return wrong;
}

void Layers::send(std::string_view packets, std::string& wire) {
  if (!websocket_) return tls_->send(packets, wire);
  if (!tls_) return websocket_->send(packets, wire);
  std::string frames;
  websocket_->send(packets, frames);
  tls_->send(frames, wire);
}

}  // namespace bramble::bench
