#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/mqtt/application_message.h"
#include "core/mqtt/encode.h"
#include "core/session/local_message.h"

namespace bramble {

/// Memory for frames that several subscribers share; one a reactor, used again for every PUBLISH.
struct FrameScratch {
  std::string bytes;
};

/// One PUBLISH while it is being delivered on one reactor. It begins as views (of the reactor's read buffer, or of a
/// message that came from elsewhere); an ApplicationMessage is made only when something must keep it: another reactor,
/// a queue, a retained slot.  Threads: one reactor, on its stack.  Cost: making one is a few stores.
class Publication {
 public:
  using Facts = ApplicationMessage::Facts;

  /// `content` stays valid as long as this.
  Publication(const mqtt::PublishContent& content, const Facts& facts, SteadyTime now, FrameScratch& scratch)
      : content_(content), facts_(facts), now_(now), scratch_(scratch) {}
  Publication(MessagePtr message, SteadyTime now, FrameScratch& scratch)
      : content_(message->content()),
        facts_(message->facts()),
        now_(now),
        scratch_(scratch),
        message_(std::move(message)) {}
  Publication(LocalMessage local, SteadyTime now, FrameScratch& scratch)
      : content_(local->content()), facts_(local->facts()), now_(now), scratch_(scratch), local_(std::move(local)) {}
  Publication(const Publication&) = delete;

  const mqtt::PublishContent& content() const { return content_; }
  /// Goes to so many that their writes may wait for those of others.
  bool wide = false;
  const Facts& facts() const { return facts_; }
  SteadyTime now() const { return now_; }
  std::uint32_t expiry_left() const;
  bool expired() const { return facts_.expiry_seconds != mqtt::kNoExpiry && expiry_left() == 0; }

  /// The message, for keeping on any reactor: made at the first call.
  const MessagePtr& message();
  /// The same, for keeping on this reactor.
  const LocalMessage& local();

  /// Bytes of the whole packet for a subscriber with this header, and where its packet id goes (0: none): encoded once
  /// for all subscribers of one (version, QoS, retain). Only for headers without alias, subscription identifiers and
  /// DUP. Lifetime: until the next call.
  struct Frame {
    std::string_view bytes;
    std::size_t packet_id_at = 0;
  };
  Frame shared_frame(mqtt::Version version, const mqtt::PublishHeader& header);

 private:
  struct CachedFrame {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;  ///< 0: not encoded yet
    std::uint32_t packet_id_at = 0;
  };

  mqtt::PublishContent content_;
  Facts facts_;
  SteadyTime now_;
  FrameScratch& scratch_;
  MessagePtr message_;
  LocalMessage local_;
  std::array<CachedFrame, 16> frames_{};
  bool scratch_mine_ = false;
};

}  // namespace bramble
