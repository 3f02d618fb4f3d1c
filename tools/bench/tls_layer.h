#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/bench/layers.h"

namespace bramble::bench {

/// TLS over bytes in memory. As Layers, whose part it is.
class TlsLayer {
 public:
  TlsLayer(const LayerPlan& plan, SSL_CTX* context);

  void begin(std::string& wire);
  bool open() const { return SSL_is_init_finished(connection_.get()) != 0; }
  std::string receive(std::string_view came, std::string& plain, std::string& wire);
  void send(std::string_view plain, std::string& wire);

 private:
  std::string read_all(std::string& plain);
  std::string fault();
  void take_records(std::string& wire);

  TlsConnection connection_;
  BIO* in_;  // the connection owns both
  BIO* out_;
};

}  // namespace bramble::bench
