#pragma once

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/bench/flow_state.h"
#include "tools/bench/load_client.h"

namespace bramble::bench {

struct PublisherPlan {
  std::string topic;             ///< unused if there is a DeviceField: each message goes to any of its devices then
  std::uint32_t deliveries = 1;  ///< of each message (of a DeviceField's on average); 0: nobody of ours listens
};

/// One client that publishes, in a closed or in an open loop.
/// Threads: its worker's.
class Publisher final : public ClientEvents {
 public:
  Publisher(Lane& lane, PublisherPlan plan, std::uint32_t index, LoadClient::Settings settings);

  LoadClient& client() { return client_; }
  std::uint32_t index() const { return index_; }
  /// Sets how many messages its streams had.
  void tell_sent(std::vector<std::uint64_t>& sent_by_stream) const;
  bool done() const { return sent_ >= quota_; }

  /// Closed loop: one batch, in one write, if there is room for it. True if there is room for another at once.
  bool send_batch(SteadyTime now);

  /// Open loop: the first message is due at `first`, each further one `every` later.
  void schedule(SteadyTime first, SteadyTime::duration every);
  void owe_one() { ++owed_; }
  /// Sends what is owed as far as the socket and the broker's Receive Maximum allow; late ones keep the time at which
  /// they should have left. True if all went.
  bool send_owed(SteadyTime now);
  /// Asks the broker to say when it has read all that was sent.
  void ask_if_read() {
    asked_if_read_ = true;
    client_.ping();
  }
  std::uint64_t overdue() const { return std::min(owed_, quota_) - std::min(owed_, sent_); }

  void on_ready(LoadClient&, SteadyTime) override;
  void on_acknowledged(LoadClient&, mqtt::PacketId, mqtt::ReasonCode, SteadyTime) override;
  void on_pong(LoadClient&) override { lane_.read.add(asked_if_read_ ? 1 : 0); }
  void on_closed(LoadClient&) override;

 private:
  struct Message {
    std::uint32_t stream;
    std::uint64_t sequence;
    std::string_view topic;
    std::uint32_t deliveries;
  };

  std::uint64_t room();
  std::uint64_t outstanding_deliveries();
  void send_one(SteadyTime intended);
  /// A message to any of its devices.
  Message next_of_field();
  Stamp stamp(std::uint32_t stream, std::uint64_t sequence, SteadyTime intended) const;
  mqtt::PublishHeader header() const;
  /// What it sends, if there is no DeviceField.
  const RepeatedPublish& packet();

  Lane& lane_;
  const PublisherPlan plan_;
  const std::uint32_t index_;
  const std::uint64_t window_;
  const std::uint64_t quota_;  ///< messages to send in all
  LoadClient client_;
  std::optional<RepeatedPublish> packet_;
  bool asked_if_read_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t expected_ = 0;                 ///< deliveries that these are to lead to
  std::vector<std::uint32_t> sent_to_device_;  ///< by the order of its devices, if there is a DeviceField
  std::minstd_rand random_;

  std::uint64_t forgiven_ = 0;  ///< deliveries that are not waited for any more
  std::uint32_t forgiven_times_ = 0;

  std::uint64_t owed_ = 0;
  SteadyTime first_due_{};
  SteadyTime::duration every_{};

  std::unordered_map<mqtt::PacketId, SteadyTime> intended_;  ///< when acknowledgements are timed
};

}  // namespace bramble::bench
