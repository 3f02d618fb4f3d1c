#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "broker/admin/control_server.h"
#include "broker/net/mdns.h"
#include "broker/shard.h"

namespace bramble {

/// The broker: builds each part, hands each what it needs, starts and stops in order.  Threads: main.
class Broker {
 public:
  /// Opens the listeners; no thread runs yet, so privileges may still be given up.
  /// Errors: a line: a file that cannot be used, a listener that cannot be opened.
  /// `handed` are used where they are a listener's, and closed where they are none's.
  static OrMessage<std::unique_ptr<Broker>> build(std::shared_ptr<const Config> config, HandedSockets handed = {});
  /// For the option control_socket. Before start().
  void take_control_socket(BoundSocket socket);
  ~Broker();

  /// It is about to run as that account: reloads open ports beside those that root has opened. Before start().
  void give_ports_to(std::uint32_t user);
  /// Opens what outlives the process and takes over what was in it. As the account that it will be written by, and
  /// before start().
  /// Errors: a line: a file that cannot be used.
  OrMessage<void> open_store();
  void start();
  /// Tells the clients, and waits for the reactors to end.
  void stop();

  /// Takes a new configuration over, as a whole or, with an error, not at all: no client is disconnected that may stay.
  /// Waits until all reactors go by it. After start().
  /// Errors: a line: a file that cannot be used, a listener that cannot be opened.
  OrMessage<void> reload(Config config);
  const Config& config() const { return *config_; }
  /// Every subscription, to stdout: `FILTER QOS CLIENT`, sorted by filter. Waits for the reactors, who go on meanwhile.
  void print_subscriptions();

  /// What has changed goes to the disk now. False: nothing is kept.
  bool save_now();

  /// Asks every reactor whether it still turns. Gives how many have not answered yet. After start().
  std::shared_ptr<const std::atomic<unsigned>> call_roll();

  std::vector<std::string> addresses() const;
  /// Those that the process after this one may go on with, as of the last reload.
  std::vector<BoundSocket*> lasting_sockets() const;
  unsigned reactors() const { return mesh_.size(); }

 private:
  Broker(std::shared_ptr<const Config> config, AllRules rules, std::vector<std::shared_ptr<Listener>> listeners);
  /// To the network, what listeners there are; with `mdns false` none.
  void announce();

  std::shared_ptr<const Config> config_;
  AllRules rules_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  Counters counters_;
  Quiescence quiescence_;
  SubscriptionTable table_;
  RetainedMessages retained_;
  SessionDirectory directory_;
  PasswordChecks passwords_;
  Mesh mesh_;
  Commons commons_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Store> store_;            ///< null: nothing is kept
  std::unique_ptr<ControlServer> control_;  ///< null: nobody may ask
  Mdns mdns_;
};

/// Some listener has a password_file.
bool has_users(const Config& config);

}  // namespace bramble
