#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/base/time.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/types.h"

namespace bramble {

/// An Application Message: topic, properties and payload in one block of memory, immutable once made, shared by every
/// subscriber, queue and retained slot on every reactor.
/// Lifetime: counted across threads by MessagePtr; freed by the last one, on whatever thread that is.
class ApplicationMessage {
 public:
  struct Facts {
    mqtt::Qos qos = mqtt::Qos::at_most_once;  ///< as published
    bool retain = false;                      ///< as published
    std::uint32_t expiry_seconds = mqtt::kNoExpiry;
    SteadyTime arrived{};     ///< the expiry counts from here
    PublisherId publisher{};  ///< stands for its Client Identifier; 0: the broker itself. For No Local, on any reactor
  };

  const Facts& facts() const { return facts_; }
  std::string_view topic() const { return {bytes(), topic_size_}; }
  /// The MQTT 5 properties that go on unchanged, encoded.
  std::string_view properties() const { return {bytes() + topic_size_, properties_size_}; }
  std::string_view payload() const { return {bytes() + topic_size_ + properties_size_, payload_size_}; }
  /// Who published it, as the broker has it (RetainSource); empty: nobody will ask.
  std::string_view source() const { return {bytes() + topic_size_ + properties_size_ + payload_size_, source_size_}; }
  mqtt::PublishContent content() const { return {topic(), {{properties()}}, payload()}; }
  /// What it occupies, for limits and figures.
  std::size_t memory() const { return sizeof *this + topic_size_ + properties_size_ + payload_size_ + source_size_; }

  SteadyTime expires_at() const {
    return facts_.expiry_seconds == mqtt::kNoExpiry ? SteadyTime::max()
                                                    : facts_.arrived + Seconds(facts_.expiry_seconds);
  }
  /// Where the store has it. Nobody but the store's thread reads or writes this, once reactors run.
  struct StoreMark {
    static constexpr std::uint64_t kInDelivery = (std::uint64_t{1} << 40) - 1;
    std::uint64_t id : 40 = 0;  ///< of its record; 0: it is in none; kInDelivery: it is in each of its deliveries' own
    std::uint64_t rows : 24 = 0;  ///< deliveries on the disk that refer to its record
    static constexpr std::uint64_t kRowsMax = (1u << 24) - 1;
    void refer_to(std::uint64_t record) { id = record & kInDelivery; }
    /// It is in no record yet, but will have one of its own: more deliveries come than those of the first commit.
    static constexpr std::uint64_t kShared = kInDelivery - 1;
    void share() { id = kShared; }
  };
  StoreMark& store_mark() const { return store_mark_; }

  bool expired(SteadyTime now) const { return facts_.expiry_seconds != mqtt::kNoExpiry && now >= expires_at(); }
  /// What the Message Expiry Interval is by now: received value less the time it waited here  [MQTT-3.3.2-6]
  std::uint32_t expiry_left(SteadyTime now) const;

 private:
  friend class MessagePtr;
  ApplicationMessage() = default;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t payload_size_ = 0;
  std::uint32_t properties_size_ = 0;
  std::uint16_t source_size_ = 0;
  std::uint16_t topic_size_ = 0;
  Facts facts_;
  mutable StoreMark store_mark_;
};
static_assert(sizeof(ApplicationMessage) == 48, "what each queued and retained message costs beside its bytes");

/// Shares an ApplicationMessage between threads. Copying is an atomic add: inside one reactor use LocalMessage.
class MessagePtr {
 public:
  MessagePtr() = default;
  /// One allocation. `content.topic` and `source` are at most 65535 bytes, the payload and properties less than 2^32.
  static MessagePtr make(const mqtt::PublishContent& content, const ApplicationMessage::Facts& facts,
                         std::string_view source = {});

  MessagePtr(const MessagePtr& other) : message_(other.message_) { add(); }
  MessagePtr(MessagePtr&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessagePtr& operator=(MessagePtr other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessagePtr() { drop(); }

  explicit operator bool() const { return message_ != nullptr; }
  const ApplicationMessage& operator*() const { return *message_; }
  const ApplicationMessage* operator->() const { return message_; }
  const ApplicationMessage* get() const { return message_; }

  /// For structures that keep the pointer in an atomic (core/topic/retained_messages): gives up and takes over a count.
  const ApplicationMessage* release() { return std::exchange(message_, nullptr); }
  static MessagePtr adopt(const ApplicationMessage* counted) {
    MessagePtr pointer;
    pointer.message_ = const_cast<ApplicationMessage*>(counted);
    return pointer;
  }
  /// Adds a count to a message that somebody else is known to keep alive for the moment.
  static MessagePtr share(const ApplicationMessage* alive) {
    MessagePtr pointer = adopt(alive);
    pointer.add();
    return pointer;
  }

 private:
  void add() const {
    if (message_) message_->references_.fetch_add(1, std::memory_order_relaxed);  // the holder's count keeps it alive
  }
  void drop() {
    // acq_rel: every other holder's reads happen before the memory is given back
    if (message_ && message_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  void destroy();

  ApplicationMessage* message_ = nullptr;
};

}  // namespace bramble
