#include "broker/survey.h"

#include <algorithm>
#include <iterator>
#include <memory>

namespace bramble {

namespace {

/// What the asker waits for. It outlives the asker if need be.
struct Gathered {
  std::mutex mutex;
  std::condition_variable all_there;
  std::vector<std::string> answers;
  unsigned missing = 0;
};

class Question final : public Errand {
 public:
  Question(std::shared_ptr<Gathered> to, const Survey::Visit& visit) : to_(std::move(to)), visit_(visit) {}

  bool run(const OnReactor& here, MessageHandler& handler) override {
    auto& shard = static_cast<Shard&>(handler);
    if (!listed_) {
      listed_ = true;
      shard.sessions(here).for_each(here, [&](OwnedSession& session) { left_.push_back(session.client_id()); });
      return true;
    }
    for (std::size_t done = 0; done < Survey::kSlice && !left_.empty(); ++done) {
      OwnedSession* const session = shard.sessions(here).find(left_.back());  // it may have gone meanwhile
      if (session) visit_(here, shard.parts(here), *session, answers_);
      left_.pop_back();
    }
    return !left_.empty();
  }

  ~Question() override {  // done, or the reactor stops
    const std::lock_guard lock(to_->mutex);
    to_->answers.insert(to_->answers.end(), std::move_iterator(answers_.begin()), std::move_iterator(answers_.end()));
    if (--to_->missing == 0) to_->all_there.notify_all();
  }

 private:
  std::shared_ptr<Gathered> to_;
  const Survey::Visit visit_;
  bool listed_ = false;
  std::vector<std::string> left_;
  std::vector<std::string> answers_;
};

}  // namespace

std::vector<std::string> Survey::ask(Mesh& mesh, const Visit& visit) {
  const auto gathered = std::make_shared<Gathered>();
  gathered->missing = mesh.size();
  for (unsigned i = 0; i < mesh.size(); ++i) mesh[i].inbox().post(std::make_unique<Question>(gathered, visit));
  std::unique_lock lock(gathered->mutex);
  gathered->all_there.wait(lock, [&] { return gathered->missing == 0; });
  return std::move(gathered->answers);
}

}  // namespace bramble
