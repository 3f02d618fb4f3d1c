#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/mqtt/application_message.h"
#include "core/mqtt/encode.h"
#include "core/session/local_message.h"

namespace bramble {

/// One PUBLISH while it is being delivered on one reactor. It begins as views (of the reactor's read buffer, or of a
/// message that came from elsewhere); an ApplicationMessage is made only when something must keep it: another reactor,
/// a queue, a retained slot.  Threads: one reactor, on its stack.  Cost: making one is a few stores.
class Publication {
 public:
  using Facts = ApplicationMessage::Facts;

  /// `content` stays valid as long as this.
  Publication(const mqtt::PublishContent& content, const Facts& facts, SteadyTime now, TurnBuffer& buffer)
      : content_(content), facts_(facts), now_(now), buffer_(buffer) {}
  Publication(MessagePtr message, SteadyTime now, TurnBuffer& buffer)
      : content_(message->content()),
        facts_(message->facts()),
        now_(now),
        buffer_(buffer),
        message_(std::move(message)) {}
  Publication(LocalMessage local, SteadyTime now, TurnBuffer& buffer)
      : content_(local->content()), facts_(local->facts()), now_(now), buffer_(buffer), local_(std::move(local)) {}
  /// A packet that goes on as it came, copied for another reactor, with what was read from it. Cheaper than a message
  /// that two reactors count.
  struct Passed {
    std::string_view packet;
    std::string_view topic;  ///< this and the next two lie in the packet
    std::string_view properties;
    std::string_view payload;
    Facts facts;
    mqtt::Version version{};
  };
  /// `passed` stays for the turn.
  Publication(const Passed& passed, SteadyTime now, TurnBuffer& buffer)
      : content_{passed.topic, {{passed.properties}}, passed.payload},
        facts_(passed.facts),
        now_(now),
        buffer_(buffer),
        received_(passed.packet),
        received_version_(passed.version) {}
  Publication(const Publication&) = delete;

  const mqtt::PublishContent& content() const { return content_; }
  /// Goes to so many that their writes may wait for those of others.
  bool wide = false;
  /// Whose rights were asked for last, and what they said: many subscribers have the same.
  const void* read_asked_for = nullptr;
  bool read_allowed = false;
  const Facts& facts() const { return facts_; }
  SteadyTime now() const { return now_; }
  std::uint32_t expiry_left() const;
  bool expired() const { return facts_.expiry_seconds != mqtt::kNoExpiry && expiry_left() == 0; }

  /// The message, for keeping on any reactor: made at the first call, with `source`.
  const MessagePtr& message(std::string_view source = {});
  /// The same, for keeping on this reactor.
  const LocalMessage& local();

  /// The packet as it came in, which goes on as it is to whoever would get the same bytes. It lasts for the turn, is at
  /// QoS 0, without DUP, Topic Alias and Message Expiry Interval, and has the content in it.
  void came_as(std::string_view packet, mqtt::Version version) {
    received_ = packet;
    received_version_ = version;
  }
  /// pass() copies it to another reactor: it is small and goes on as it came, and no message was made. What does not is
  /// shared, as a message.
  bool passes() const { return !received_.empty() && received_.size() <= kPassedMax && !message_ && !local_; }
  static constexpr std::size_t kPassedMax = 1024;
  std::size_t packet_size() const { return received_.size(); }
  /// `copy` has room for packet_size() bytes, and lasts as long as what is returned.
  Passed pass(char* copy) const;

  /// The whole packet for a subscriber with this header, which lasts for the turn: as it came in, or encoded once for
  /// all subscribers of one (version, QoS, retain). Only for headers without alias, subscription identifiers and DUP.
  struct Frame {
    std::string_view bytes;
    char* packet_id = nullptr;  ///< where it goes in them; null at QoS 0
    bool fresh = false;         ///< nobody else has it yet: the packet id may be written into it
  };
  Frame shared_frame(mqtt::Version version, const mqtt::PublishHeader& header);
  /// What shared_frame() gives is there already.
  bool goes_on_as_it_came(mqtt::Version version, const mqtt::PublishHeader& header) const {
    return !received_.empty() && header.qos == mqtt::Qos::at_most_once && header.retain == facts_.retain &&
           (version == mqtt::Version::v5) == (received_version_ == mqtt::Version::v5);
  }

 private:
  mqtt::PublishContent content_;
  Facts facts_;
  SteadyTime now_;
  TurnBuffer& buffer_;
  MessagePtr message_;
  LocalMessage local_;
  std::string_view received_;
  mqtt::Version received_version_{};
  std::uint16_t encoded_ = 0;                    ///< a bit for each that is in frames_
  std::array<mqtt::EncodedPublish, 16> frames_;  // not zeroed: 16 of them would cost more than the one that is used
};

}  // namespace bramble
