#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/auth/address_rates.h"
#include "broker/auth/users.h"
#include "broker/reactor/mesh.h"
#include "core/base/fair_queue.h"

namespace bramble {

/// Checks passwords on threads of its own, at low priority, and tells the reactor that asked (PasswordChecked): a hash
/// takes 15 to 225 ms, in which a reactor would serve nobody. The queue is bounded, addresses take turns in it, and
/// what one may ask for in a second is bounded too, so a flood of wrong passwords costs others next to nothing.
/// Threads: ask() any; start() and stop() main.
class PasswordChecks {
 public:
  struct Limits {
    unsigned workers = 1;
    std::uint32_t rate = 0;  ///< checks a second for one address; 0: no limit
  };

  explicit PasswordChecks(Limits limits);
  ~PasswordChecks() { stop(); }
  PasswordChecks(const PasswordChecks&) = delete;

  void start(Mesh& mesh) { mesh_ = &mesh; }
  /// There are passwords to check: its threads begin, if they have not. Main.
  void want(bool wanted);
  void stop();

  struct Question {
    std::shared_ptr<Users> users;
    std::string user;
    std::string password;
    ReactorId reactor;
    std::uint64_t connection = 0;  ///< its number
  };
  enum class Answer { later, too_many };
  /// `address`: without the port.
  Answer ask(Question question, const std::string& address, SteadyTime now);

 private:
  void work();

  const Limits limits_;
  Mesh* mesh_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  FairQueue<Question> queue_;
  AddressRates rates_;
  std::vector<std::thread> workers_;
  bool stopping_ = false;
};

}  // namespace bramble
