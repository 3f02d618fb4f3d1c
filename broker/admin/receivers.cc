// The command `receivers` of the control socket: who would get a message.
#include <utility>

#include "broker/admin/answer.h"
#include "broker/admin/survey.h"
#include "broker/admin/wanted_filters.h"

namespace bramble {

namespace {

struct Receiver {
  std::string id;
  std::optional<std::string> user;
  bool connected;
  WantedFilters::Wanted by;
  mqtt::Qos qos;
  bool no_local;
  bool qos0_kept;  ///< while it is away
  bool readable;
  std::string denied_by;  ///< FILE:LINE, or the file if no rule of it allows it
  std::string rule;       ///< empty: none
};

class ReceiverInquiry final : public Inquiry {
 public:
  ReceiverInquiry(std::string topic, const SubscriptionTable& table) : topic_(std::move(topic)), table_(table) {}

  void visit(const OnReactor&, ShardParts& parts, OwnedSession& session) override {
    if (!std::exchange(looked_up_, true)) filters_.find_for_topic(table_, *TopicName::parse(topic_));
    filters_.each(parts, session, [&](const WantedFilters::Wanted& by, const Subscriber& subscriber) {
      Receiver receiver{session.client_id(),
                        {},
                        session.connection() != nullptr,
                        by,
                        subscriber.qos,
                        subscriber.no_local,
                        parts.config->broker.queue_qos0_messages,
                        true,
                        {},
                        {}};
      add_access(session.access(), receiver);
      found_.push_back(std::move(receiver));
    });
  }
  std::vector<Receiver> take() { return std::exchange(found_, {}); }

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
    const bool goes_on = survey_.next(asked_);
    for (const auto& inquiry : inquiries_) {
      for (const Receiver& receiver : inquiry->take()) {
        ++count_;
        out += line_of(receiver);
      }
    }
    if (!goes_on) out += control::Line("end").add("count", count_).text();
    return goes_on;
  }

 private:
  std::string line_of(const Receiver& receiver) const {
    control::Line line("receiver");
    line.add("id", receiver.id);
    if (receiver.user) line.add("user", *receiver.user);
    line.add("state", receiver.connected ? "connected" : "away").add("filter", receiver.by.filter);
    if (!receiver.connected) line.add("qos0_kept", receiver.qos0_kept ? "yes" : "no");
    if (!receiver.by.share.empty()) line.add("share", receiver.by.share);
    line.add("qos", static_cast<std::uint64_t>(receiver.qos));
    if (receiver.no_local && receiver.id == from_) line.add("no_local", "yes");
    line.add("read", receiver.readable ? "allowed" : "denied");
    if (!receiver.readable) line.add("where", receiver.denied_by);
    if (!receiver.rule.empty()) line.add("rule", receiver.rule);
    return line.text();
  }

  const std::string from_;
  Survey survey_;
  std::vector<std::unique_ptr<ReceiverInquiry>> inquiries_;
  std::vector<Inquiry*> asked_;
  bool begun_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace

OrMessage<std::unique_ptr<Answer>> receivers_answer(const control::Line& request, const Commons& commons) {
  const std::string topic = request.text_or("topic", "");
  if (!TopicName::parse(topic)) return tl::unexpected<std::string>("topic is none that can be published to");
  return std::make_unique<ReceiversAnswer>(topic, request.text_or("from", ""), commons);
}

}  // namespace bramble
