// The command `receivers` of the control socket: who would get a message.
#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "broker/admin/answer.h"
#include "broker/admin/survey.h"
#include "broker/admin/wanted_filters.h"

namespace bramble {

namespace {

/// A session, and the subscriptions by which it would get the message.
struct Receiver {
  struct By {
    const WantedFilters::Wanted* filter;
    mqtt::Qos qos;
    bool no_local;
  };
  std::string id;
  std::optional<std::string> user;
  bool connected;
  bool qos0_kept;  ///< while it is away
  bool readable = true;
  std::string denied_by = {};  ///< FILE:LINE, or the file if no rule of it allows it
  std::string rule = {};       ///< empty: none
  std::vector<By> by = {};
};

class ReceiverInquiry final : public Inquiry {
 public:
  ReceiverInquiry(std::string topic, const SubscriptionTable& table) : topic_(std::move(topic)), table_(table) {}

  std::size_t visit(const OnReactor&, ShardParts& parts, OwnedSession& session) override {
    if (!std::exchange(looked_up_, true)) filters_.find_for_topic(table_, *TopicName::parse(topic_));
    std::vector<Receiver::By> by;
    const std::size_t looks = filters_.each(parts, session, [&](const auto& wanted, const Subscriber& subscriber) {
      by.push_back({&wanted, subscriber.qos, subscriber.no_local});
    });
    if (by.empty()) return looks;
    Receiver receiver{
        session.client_id(), {}, session.connection() != nullptr, parts.config->broker.queue_qos0_messages};
    add_access(session.access(), receiver);
    bytes_ += receiver.id.size() + receiver.user.value_or("").size() + by.size() * sizeof(Receiver::By);
    receiver.by = std::move(by);
    found_.push_back(std::move(receiver));
    return looks;
  }
  bool enough() const override { return bytes_ > Survey::kBatchBytes; }
  std::vector<Receiver> take() {
    bytes_ = 0;
    return std::exchange(found_, {});
  }

 private:
  void add_access(const SessionAccess* access, Receiver& receiver) const {
    if (!access) return;
    receiver.user = access->user;
    if (!access->rights) return;
    const Decision decision = access->rights->decide(Access::read, topic_);
    receiver.readable = decision.allowed;
    if (decision.allowed) return;
    receiver.denied_by = decision.rule ? access->list->where(*decision.rule) : access->list->file_name();
    if (decision.rule) receiver.rule = decision.rule->text();
  }

  const std::string topic_;
  const SubscriptionTable& table_;
  bool looked_up_ = false;
  WantedFilters filters_;
  std::vector<Receiver> found_;
  std::size_t bytes_ = 0;  ///< of found_, without what all have
};

class ReceiversAnswer final : public Answer {
 public:
  ReceiversAnswer(const std::string& topic, std::string from, const Commons& commons)
      : from_(std::move(from)), survey_(commons.mesh, commons.directory) {
    for (unsigned i = 0; i < commons.mesh.size(); ++i) {
      inquiries_.push_back(std::make_unique<ReceiverInquiry>(topic, commons.table));
      asked_.push_back(inquiries_.back().get());
    }
  }

  bool more(std::string& out) override {
    if (!std::exchange(begun_, true)) out += control::Line(std::string(control::kVersion) + " ok").text();
    if (receivers_.empty() && goes_on_) ask();
    for (const std::size_t before = out.size(); out.size() - before < kPieceBytes && !receivers_.empty();) {
      Receiver& receiver = receivers_.front();
      ++count_;
      out += line_of(receiver, receiver.by.back());
      receiver.by.pop_back();
      if (receiver.by.empty()) receivers_.pop_front();
    }
    if (goes_on_ || !receivers_.empty()) return true;
    out += control::Line("end").add("count", count_).text();
    return false;
  }

 private:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  void ask() {
    goes_on_ = survey_.next(asked_);
    for (const auto& inquiry : inquiries_) std::ranges::move(inquiry->take(), std::back_inserter(receivers_));
  }

  std::string line_of(const Receiver& receiver, const Receiver::By& by) const {
    control::Line line("receiver");
    line.add("id", receiver.id);
    if (receiver.user) line.add("user", *receiver.user);
    line.add("state", receiver.connected ? "connected" : "away").add("filter", by.filter->filter);
    if (!receiver.connected) line.add("qos0_kept", receiver.qos0_kept ? "yes" : "no");
    if (!by.filter->share.empty()) line.add("share", by.filter->share);
    line.add("qos", static_cast<std::uint64_t>(by.qos));
    if (by.no_local && receiver.id == from_) line.add("no_local", "yes");
    line.add("read", receiver.readable ? "allowed" : "denied");
    if (!receiver.readable) line.add("where", receiver.denied_by);
    if (!receiver.rule.empty()) line.add("rule", receiver.rule);
    return line.text();
  }

  const std::string from_;
  Survey survey_;
  std::vector<std::unique_ptr<ReceiverInquiry>> inquiries_;
  std::vector<Inquiry*> asked_;
  std::deque<Receiver> receivers_;  ///< that are not told yet
  bool begun_ = false;
  bool goes_on_ = true;
  std::uint64_t count_ = 0;
};

}  // namespace

OrMessage<std::unique_ptr<Answer>> receivers_answer(const control::Line& request, const Commons& commons) {
  const std::string topic = request.text_or("topic", "");
  if (!TopicName::parse(topic)) return tl::unexpected<std::string>("topic is none that can be published to");
  return std::make_unique<ReceiversAnswer>(topic, request.text_or("from", ""), commons);
}

}  // namespace bramble
