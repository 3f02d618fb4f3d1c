#pragma once

#include <string>

#include "broker/store/mosquitto_database.h"

namespace bramble {

/// As retained messages have it who published them (RetainSource), of one that Mosquitto has retained. A listener is
/// known again by its port.  Threads: any.
std::string source_of(const MosquittoPublisher& publisher);

}  // namespace bramble
