#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/mqtt/packets.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

/// Collects the properties of an Application Message that go on unchanged, while somebody walks all of them: those
/// passed to cut_out() are left out. At most two may be, as there are three pieces.
/// Threads: a value of one thread.  Lifetime: the pieces point into what was walked.
class ForwardedPieces {
 public:
  explicit ForwardedPieces(const char* start) : from_(start) {}
  void cut_out(const Property& property) {
    end_piece(property.encoded.data());
    from_ = property.encoded.data() + property.encoded.size();
  }
  ForwardedProperties finish(const char* end) {
    end_piece(end);
    return pieces_;
  }

 private:
  void end_piece(const char* end) {
    if (end == from_) return;
    pieces_.pieces[used_++] = {from_, static_cast<std::size_t>(end - from_)};
  }

  const char* from_;
  std::size_t used_ = 0;
  ForwardedProperties pieces_{};
};

inline bool has_wildcard(std::string_view topic) { return topic.find_first_of("+#") != std::string_view::npos; }

/// A Response Topic is a Topic Name.  [MQTT-3.3.2-13] [MQTT-3.3.2-14]
Result<void> check_response_topic(std::string_view topic);

}  // namespace bramble::mqtt
