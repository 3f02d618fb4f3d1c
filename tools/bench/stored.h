#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tools/bench/load_client.h"
#include "tools/bench/sequence.h"
#include "tools/bench/stage.h"

/// For scenarios in which the broker keeps messages: somebody who sends so many, and somebody who gets them later.
namespace bramble::bench {

/// Publishers that send a number of messages as fast as their windows allow, in bursts.
/// Threads: the main thread.  Lifetime: the stage's clients may not go before it.  Errors: the stage fails.
class Sending final : public ClientEvents {
 public:
  struct Load {
    std::uint64_t count = 0;
    std::function<std::string(std::uint64_t)> topic;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    bool empty = false;  ///< no payload; else the options'
  };

  /// `first_number`: the clients' numbers count from there.
  Sending(Stage& stage, const Options& options, std::uint32_t publishers, std::uint32_t first_number);

  bool connect();
  /// False if the broker did not take them all.
  bool send(std::string_view what, Load load);
  bool connected() const;
  std::uint64_t started() const { return next_; }  ///< of the last load
  std::uint64_t refused() const { return refused_; }
  std::uint16_t run() const { return run_number_; }  ///< see Stamp
  void disconnect();

  void on_ready(LoadClient&, SteadyTime) override { ++ready_; }
  void on_acknowledged(LoadClient&, mqtt::PacketId, mqtt::ReasonCode code, SteadyTime) override;
  void on_pong(LoadClient&) override { pongs_ += asked_ ? 1 : 0; }
  void on_closed(LoadClient& client) override;

 private:
  /// One burst from each that has room. Whether some may have room for another.
  bool pump(SteadyTime now);
  bool burst(LoadClient& client, SteadyTime now);
  void send_one(LoadClient& client, SteadyTime now);
  /// When everything went out at QoS 0: a PINGREQ behind it, whose answer says that the broker has it.
  void ask_if_read();
  std::uint64_t taken() const;

  Stage& stage_;
  const Options& options_;
  const std::uint16_t run_number_ = static_cast<std::uint16_t>(std::random_device()());
  std::vector<std::unique_ptr<LoadClient>> clients_;
  std::uint64_t ready_ = 0;

  Load load_;
  std::string payload_;
  std::uint64_t next_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t pongs_ = 0;
  bool asked_ = false;
};

/// A subscriber to such messages, which knows how many there are.
/// Threads: the main thread.  Errors: the stage fails.
class Receiving final : public ClientEvents {
 public:
  Receiving(Stage& stage, LoadClient::Settings settings, std::uint64_t count, std::uint16_t run);

  LoadClient& client() { return client_; }
  bool connect(std::string_view what);
  /// Until all have come; false: some did not.
  bool receive(std::string_view what);
  /// The connection ends and the broker has seen it.
  bool leave();

  std::uint64_t unique() const { return unique_; }  ///< of the messages came at least once
  Tally tally() const;
  std::uint64_t live() const { return live_; }        ///< came without RETAIN
  std::uint64_t foreign() const { return foreign_; }  ///< not a message of this run
  SteadyTime last() const { return last_; }           ///< when the last of them came

  void on_ready(LoadClient&, SteadyTime) override { ++ready_; }
  void on_delivery(LoadClient&, const mqtt::Publish& publish, SteadyTime now) override;
  void on_closed(LoadClient& client) override;

 private:
  Stage& stage_;
  LoadClient client_;
  const std::uint16_t run_;
  std::vector<bool> seen_;
  std::uint64_t highest_ = 0;  ///< one more than the last number seen
  std::uint64_t unique_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t ready_ = 0;
  std::uint64_t left_ = 0;
  bool leaving_ = false;
  SteadyTime last_{};
};

/// The broker before and after something.
struct BrokerUse {
  std::optional<ProcessUse> before;
  std::optional<ProcessUse> after;

  std::optional<double> cpu_per_million(double messages) const;
  std::optional<double> memory_each(double messages) const;
};

void describe_stored(Run run, std::string_view scenario, std::uint64_t count);
/// What was received since `start`, what that cost, and what was lost or doubled. Nothing about order.
void tell_received(Run run, const Receiving& receiving, SteadyTime start, const BrokerUse& broker);

}  // namespace bramble::bench
