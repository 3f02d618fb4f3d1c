#include "broker/admin/survey.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>

namespace bramble {

namespace {

/// What the asker waits for. It outlives the asker if need be.
struct Gathered {
  std::mutex mutex;
  std::condition_variable all_there;
  std::size_t missing = 0;
  std::vector<std::pair<std::string, ReactorId>> left;  ///< not asked, as there was enough
};

class Question final : public Errand {
 public:
  Question(std::shared_ptr<Gathered> to, Inquiry& inquiry, std::vector<std::string> clients)
      : to_(std::move(to)), inquiry_(inquiry), clients_(std::move(clients)) {}

  bool run(const OnReactor& here, MessageHandler& handler) override {
    ShardParts& parts = static_cast<Shard&>(handler).parts(here);
    for (std::size_t looks = 0; looks < Survey::kLooksATurn && !clients_.empty(); looks += Survey::kLooksASession) {
      if (inquiry_.enough()) return leave_rest(here), false;
      // it may have ended meanwhile, and another reactor own the client id
      OwnedSession* const session = parts.directory.session(clients_.back(), here.id());
      if (session) looks += inquiry_.visit(here, parts, *session);
      clients_.pop_back();
    }
    return !clients_.empty();
  }

  ~Question() override {  // done, or the reactor stops
    const std::lock_guard lock(to_->mutex);
    if (--to_->missing == 0) to_->all_there.notify_all();
  }

 private:
  void leave_rest(const OnReactor& here) {
    const std::lock_guard lock(to_->mutex);
    for (std::string& client : clients_) to_->left.emplace_back(std::move(client), here.id());
  }

  std::shared_ptr<Gathered> to_;
  Inquiry& inquiry_;
  std::vector<std::string> clients_;
};

}  // namespace

void Survey::look_up() {
  while (found_.size() < kBatch && slice_ < SessionDirectory::kSlices) {
    for (auto& each : directory_.clients(slice_++)) {
      if (!wanted_ || wanted_(each.first)) found_.push_back(std::move(each));
    }
  }
}

bool Survey::next(std::span<Inquiry* const> inquiries) {
  look_up();
  std::vector<std::vector<std::string>> clients(mesh_.size());
  std::size_t bytes = 0;
  for (std::size_t taken = 0; taken < kBatch && bytes < kBatchBytes && !found_.empty(); ++taken) {
    auto& [client_id, owner] = found_.front();
    bytes += client_id.size();
    clients[owner.value].push_back(std::move(client_id));
    found_.pop_front();
  }
  const auto gathered = std::make_shared<Gathered>();
  for (const auto& each : clients) gathered->missing += each.empty() ? 0u : 1u;
  for (unsigned i = 0; i < mesh_.size(); ++i) {
    if (clients[i].empty()) continue;
    mesh_[i].inbox().post(std::make_unique<Question>(gathered, *inquiries[i], std::move(clients[i])));
  }
  std::unique_lock lock(gathered->mutex);
  gathered->all_there.wait(lock, [&] { return gathered->missing == 0; });
  std::ranges::move(gathered->left, std::front_inserter(found_));
  return !found_.empty() || slice_ < SessionDirectory::kSlices;
}

}  // namespace bramble
