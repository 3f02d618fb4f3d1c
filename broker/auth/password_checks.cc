#include "broker/auth/password_checks.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace bramble {

namespace {
constexpr std::size_t kQueueMax = 1024;
constexpr int kNiceness = 10;
}  // namespace

PasswordChecks::PasswordChecks(Limits limits) : limits_(limits), queue_(kQueueMax), rates_(limits.rate) {}

void PasswordChecks::want(bool wanted) {
  if (!wanted || !workers_.empty()) return;
  for (unsigned i = 0; i < limits_.workers; ++i) workers_.emplace_back([this] { work(); });
}

void PasswordChecks::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& worker : std::exchange(workers_, {})) worker.join();
}

PasswordChecks::Answer PasswordChecks::ask(Question question, const std::string& address, SteadyTime now) {
  {
    const std::lock_guard lock(mutex_);
    if (!rates_.allow(address, now, false) || !queue_.push(address_key(address), question)) return Answer::too_many;
  }
  wake_.notify_one();
  return Answer::later;
}

void PasswordChecks::work() {
  pthread_setname_np(pthread_self(), "passwords");
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);  // of this thread alone, on Linux
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    Question question = queue_.pop();
    lock.unlock();
    const bool right = question.users->check(question.user, question.password);
    OPENSSL_cleanse(question.password.data(), question.password.size());
    (*mesh_)[question.reactor].inbox().post(PasswordChecked{question.connection, right});
    lock.lock();
  }
}

}  // namespace bramble
