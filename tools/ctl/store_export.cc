#include "tools/ctl/store_export.h"

#include <span>
#include <utility>

#include "core/auth/base64.h"
#include "core/base/hash.h"
#include "core/mqtt/utf8.h"

namespace bramble::ctl {

namespace {

using bench::Json;

constexpr const char* kStages[] = {"queued", "puback", "pubrec", "pubcomp"};

Json number(std::uint64_t value) { return static_cast<double>(value); }

Json milliseconds(WallTime at) {
  return static_cast<double>(std::chrono::duration_cast<Milliseconds>(at.time_since_epoch()).count());
}

bool readable(std::string_view text) {
  if (!mqtt::valid_utf8(text)) return false;
  while (!text.empty()) {
    const mqtt::Character first = mqtt::first_character(text);
    if (mqtt::is_control(first.code)) return false;
    text.remove_prefix(first.bytes.size());
  }
  return true;
}

void add_base64(Json::Object& to, std::string_view name, std::string_view bytes) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  to.emplace_back(std::string(name) + "_base64", to_base64(std::span(at, bytes.size()), Padding::with));
}

void add_bytes(Json::Object& to, std::string_view name, std::string_view bytes) {
  if (!readable(bytes)) return add_base64(to, name, bytes);
  to.emplace_back(name, std::string(bytes));
}

Json::Object record(const char* type) { return {{"type", type}}; }

Json qos(mqtt::Qos of) { return static_cast<double>(of); }

Json will_of(const Will& will) {
  Json::Object object{{"topic", will.topic}};
  add_bytes(object, "payload", will.payload);
  add_base64(object, "properties", will.properties);
  object.emplace_back("qos", qos(will.qos));
  object.emplace_back("retain", will.retain);
  object.emplace_back("delay_seconds", number(static_cast<std::uint64_t>(will.delay.count())));
  object.emplace_back("message_expiry", number(will.message_expiry));
  add_base64(object, "source", will.source);
  return object;
}

}  // namespace

void StoreExport::begin() {
  Json::Object object = record("bramble");
  object.emplace_back("format", number(kStoreLinesFormat));
  object.emplace_back("version", BRAMBLE_VERSION);
  print(std::move(object));
}

void StoreExport::end() {
  Json::Object object = record("end");
  object.emplace_back("records", number(lines_ - 1));
  print(std::move(object));
}

void StoreExport::print(Json::Object record) {
  ++lines_;
  if (printed_) printed_ = print_(Json(std::move(record)).dump() + "\n");
}

void StoreExport::session(KeptSession session) {
  // as SessionDirectory::publisher_id has it
  clients_.emplace(PublisherId{SeededHash(seed_)(session.client_id) | 1}, session.client_id);
  Json::Object object = record("session");
  object.emplace_back("session", number(session.id.value));
  object.emplace_back("client_id", session.client_id);
  object.emplace_back("expiry_seconds", number(session.expiry_seconds));
  object.emplace_back("gone_at", session.gone_at ? milliseconds(clocks_.wall_at(*session.gone_at)) : Json());
  object.emplace_back("user", session.user ? Json(*session.user) : Json());
  object.emplace_back("listener", session.listener);
  object.emplace_back("mount_point", session.mount_point ? Json(*session.mount_point) : Json());
  object.emplace_back("ids_in_doubt", session.ids_in_doubt);
  object.emplace_back("will", session.will ? will_of(*session.will) : Json());
  print(std::move(object));
}

void StoreExport::subscription(KeptSubscription subscription) {
  Json::Object object = record("subscription");
  object.emplace_back("session", number(subscription.session.value));
  object.emplace_back("filter", subscription.filter);
  object.emplace_back("qos", qos(subscription.qos));
  object.emplace_back("no_local", subscription.no_local);
  object.emplace_back("retain_as_published", subscription.retain_as_published);
  object.emplace_back("subscription_identifier", number(subscription.subscription_identifier));
  object.emplace_back("replay_from", subscription.replay_from ? number(*subscription.replay_from) : Json());
  print(std::move(object));
}

void StoreExport::receipt(const KeptReceipt& receipt) {
  Json::Object object = record("receipt");
  object.emplace_back("session", number(receipt.session.value));
  object.emplace_back("packet_id", number(receipt.packet_id));
  object.emplace_back("mark", number(receipt.mark));
  print(std::move(object));
}

void StoreExport::add_message(Json::Object& to, const ApplicationMessage& message) {
  const ApplicationMessage::Facts& facts = message.facts();
  to.emplace_back("topic", std::string(message.topic()));
  add_bytes(to, "payload", message.payload());
  add_base64(to, "properties", message.properties());
  to.emplace_back("published_qos", qos(facts.qos));
  to.emplace_back("published_retain", facts.retain);
  to.emplace_back("expiry_seconds", facts.expiry_seconds == mqtt::kNoExpiry ? Json() : number(facts.expiry_seconds));
  to.emplace_back("arrived", milliseconds(clocks_.wall_at(facts.arrived)));
  const auto publisher = clients_.find(facts.publisher);
  to.emplace_back("publisher", publisher != clients_.end() ? Json(publisher->second) : Json());
  add_base64(to, "source", message.source());
}

void StoreExport::retained(std::uint32_t slot, MessagePtr message) {
  Json::Object object = record("retained");
  object.emplace_back("slot", number(slot));
  add_message(object, *message);
  print(std::move(object));
}

void StoreExport::delivery(KeptDelivery delivery) {
  Json::Object object = record("delivery");
  object.emplace_back("row", number(delivery.row));
  object.emplace_back("session", number(delivery.session.value));
  object.emplace_back("state", kStages[static_cast<int>(delivery.state.stage)]);
  object.emplace_back("packet_id", number(delivery.state.packet_id));
  object.emplace_back("qos", qos(delivery.qos));
  object.emplace_back("retain", delivery.retain);
  object.emplace_back("subscription_identifier", number(delivery.subscription_identifier));
  object.emplace_back("share", delivery.share ? Json(*delivery.share) : Json());
  const std::uint64_t id = delivery.message->store_mark().id;
  const bool shared = id != 0 && id != ApplicationMessage::StoreMark::kInDelivery;
  if (shared) object.emplace_back("message", number(id));
  if (!shared || messages_.insert(id).second) add_message(object, *delivery.message);
  print(std::move(object));
}

}  // namespace bramble::ctl
