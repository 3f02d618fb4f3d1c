// The command `clients` of the control socket.
#include <fmt/format.h>
#include <utility>

#include "broker/admin/answer.h"
#include "broker/admin/survey.h"
#include "broker/admin/wanted_filters.h"
#include "broker/connection/connection.h"
#include "broker/net/tcp.h"
#include "core/control/glob.h"

namespace bramble {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// What is asked for.
struct Wishes {
  bool connected = true;
  bool away = false;
  std::optional<std::string> id, user, address, listener;
  std::optional<std::string> subscribed;  ///< a topic or filter
  bool lines = true;
};

/// What the session's reactor knows, to be sorted out and written down elsewhere.
struct ClientFacts {
  struct Present {
    std::string address;
    std::string transport;
    mqtt::Version version;
    Seconds connected_for;
    std::uint16_t keep_alive;
    bool clean_start;
  };
  std::string id;
  std::optional<std::string> user;
  std::optional<Present> present;  ///< nothing: away
  std::string listener;
  std::uint32_t session_expiry;
  std::optional<Seconds> ends_in;
  std::size_t subscriptions, queued, in_flight;
};

std::string_view text_of(mqtt::Version version) {
  switch (version) {
    case mqtt::Version::v5: return "5";
    case mqtt::Version::v3_1_1: return "3.1.1";
    default: return "3.1";
  }
}

ClientFacts facts_of(const OnReactor& here, const ShardParts& parts, const OwnedSession& session) {
  const auto* const connection = static_cast<const Connection*>(session.connection());
  ClientFacts facts;
  facts.id = session.client_id();
  if (session.access()) facts.user = session.access()->user;
  if (connection) {
    facts.present = {connection->peer(),       connection->transport_kind(),
                     connection->version(),    connection->connected_for(here),
                     connection->keep_alive(), connection->clean_start()};
    facts.listener = connection->at_listener();
  } else {
    const ListenerOptions& by = parts.rules[session.listener]->options;
    facts.listener = by.unix_socket() ? by.bind_address : std::to_string(by.port);
  }
  facts.session_expiry = session.expiry_seconds;
  if (const auto end = session.ends_at()) {
    facts.ends_in = std::max(std::chrono::duration_cast<Seconds>(*end - here.now()), Seconds(0));
  }
  facts.subscriptions = session.subscriptions.size();
  facts.queued = session.queued();
  facts.in_flight = session.in_flight();
  return facts;
}

class ClientInquiry final : public Inquiry {
 public:
  ClientInquiry(const Wishes& wishes, const SubscriptionTable& table) : wishes_(wishes), table_(table) {}

  std::size_t visit(const OnReactor& here, ShardParts& parts, OwnedSession& session) override {
    if (!(session.connection() ? wishes_.connected : wishes_.away)) return 0;
    bool found = !wishes_.subscribed;
    std::size_t looks = 0;
    if (!found) {
      if (!std::exchange(looked_up_, true)) look_up(parts);
      looks = filters_.each(parts, session, [&](const auto&, const Subscriber&) { found = true; });
    }
    if (!found) return looks;
    found_.push_back(facts_of(here, parts, session));
    bytes_ += found_.back().id.size() + found_.back().user.value_or("").size();
    return looks;
  }
  bool enough() const override { return bytes_ > Survey::kBatchBytes; }
  std::vector<ClientFacts> take() {
    bytes_ = 0;
    return std::exchange(found_, {});
  }

 private:
  void look_up(const ShardParts& parts) {
    if (const auto topic = TopicName::parse(*wishes_.subscribed);
        topic && !wishes_.subscribed->starts_with("$share/")) {
      return filters_.find_for_topic(table_, *topic);
    }
    if (const auto filter = TopicFilter::parse(*wishes_.subscribed)) filters_.find_filter(parts.sessions, *filter);
  }

  const Wishes& wishes_;
  const SubscriptionTable& table_;
  bool looked_up_ = false;
  WantedFilters filters_;
  std::vector<ClientFacts> found_;
  std::size_t bytes_ = 0;  ///< of names in found_
};

class ClientsAnswer final : public Answer {
 public:
  ClientsAnswer(Wishes wishes, const Commons& commons)
      : wishes_(std::move(wishes)), survey_(commons.mesh, commons.directory, [this](const std::string& id) {
          return !wishes_.id || control::looks_like(id, *wishes_.id);
        }) {
    for (unsigned i = 0; i < commons.mesh.size(); ++i) {
      inquiries_.push_back(std::make_unique<ClientInquiry>(wishes_, commons.table));
      asked_.push_back(inquiries_.back().get());
    }
  }

  bool more(std::string& out) override {
    if (!std::exchange(begun_, true)) out += control::Line(std::string(control::kVersion) + " ok").text();
    const bool goes_on = survey_.next(asked_);
    for (const auto& inquiry : inquiries_) {
      for (const ClientFacts& facts : inquiry->take()) {
        if (!wanted(facts)) continue;
        ++count_;
        if (wishes_.lines) out += line_of(facts);
      }
    }
    if (!goes_on) out += control::Line("end").add("count", count_).text();
    return goes_on;
  }

 private:
  bool wanted(const ClientFacts& facts) const {
    if (wishes_.user && !control::looks_like(facts.user.value_or(""), *wishes_.user)) return false;
    if (wishes_.listener && facts.listener != *wishes_.listener) return false;
    if (!wishes_.address) return true;
    if (!facts.present) return false;
    const std::string& address = facts.present->address;
    return control::looks_like(address, *wishes_.address) || control::looks_like(host_of(address), *wishes_.address);
  }

  static std::string line_of(const ClientFacts& facts) {
    control::Line line("client");
    line.add("id", facts.id);
    if (facts.user) line.add("user", *facts.user);
    line.add("state", facts.present ? "connected" : "away").add("listener", facts.listener);
    if (const auto& present = facts.present) {
      line.add("address", present->address).add("transport", present->transport);
      line.add("version", text_of(present->version));
      line.add("seconds", static_cast<std::uint64_t>(present->connected_for.count()));
      line.add("keep_alive", present->keep_alive).add("clean_start", present->clean_start ? "yes" : "no");
    }
    line.add("session_expiry", facts.session_expiry);
    if (facts.ends_in) line.add("ends_in", static_cast<std::uint64_t>(facts.ends_in->count()));
    line.add("subscriptions", facts.subscriptions).add("queued", facts.queued).add("in_flight", facts.in_flight);
    return line.text();
  }

  const Wishes wishes_;
  Survey survey_;
  std::vector<std::unique_ptr<ClientInquiry>> inquiries_;
  std::vector<Inquiry*> asked_;
  bool begun_ = false;
  std::uint64_t count_ = 0;
};

std::optional<std::string> value_of(const control::Line& request, std::string_view name) {
  const std::string* const found = request.find(name);
  return found ? std::optional(*found) : std::nullopt;
}

}  // namespace

OrMessage<std::unique_ptr<Answer>> clients_answer(const control::Line& request, const Commons& commons) {
  Wishes wishes;
  const std::string state = request.text_or("state", "connected");
  if (state != "connected" && state != "away" && state != "all") {
    return wrong("state is connected, away or all, not " + state);
  }
  wishes.connected = state != "away";
  wishes.away = state != "connected";
  wishes.id = value_of(request, "id");
  wishes.user = value_of(request, "user");
  wishes.address = value_of(request, "address");
  for (const auto& pattern : {wishes.id, wishes.user, wishes.address}) {
    if (pattern && pattern->size() > control::kPatternBytesMax) {
      return wrong(fmt::format("a pattern has at most {} bytes", control::kPatternBytesMax));
    }
  }
  wishes.listener = value_of(request, "listener");
  wishes.subscribed = value_of(request, "subscribed");
  if (wishes.subscribed && !TopicFilter::parse(*wishes.subscribed)) {
    return wrong("subscribed is neither a topic nor a Topic Filter");
  }
  wishes.lines = request.text_or("lines", "yes") != "no";
  return std::make_unique<ClientsAnswer>(std::move(wishes), commons);
}

}  // namespace bramble
