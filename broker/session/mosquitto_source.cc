#include "broker/session/mosquitto_source.h"

#include "broker/session/retain_source.h"

namespace bramble {

std::string source_of(const MosquittoPublisher& publisher) {
  std::string source;
  RetainSource{publisher.port, publisher.client_id, publisher.user}.encode(source);
  return source;
}

}  // namespace bramble
