#include "tools/ctl/receivers.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <vector>

#include "tools/ctl/control.h"
#include "tools/ctl/table.h"

namespace bramble::ctl {

namespace {

struct Receiver {
  std::string who, filter, what;
  bool gets = false;  ///< at QoS 1 at least
};

Receiver receiver_of(const control::Line& line) {
  Receiver receiver;
  const std::string id = line.text_or("id", ""), user = line.text_or("user", "");
  receiver.who = user.empty() ? id : fmt::format("{} (user {})", id, user);
  receiver.filter = line.text_or("filter", "");
  const std::uint64_t qos = line.number_or("qos", 0);
  receiver.what = fmt::format("QoS {}", qos);
  if (line.text_or("no_local", "no") == "yes") {
    receiver.what += ", gets nothing: it is the publisher, and has subscribed with No Local";
  } else if (line.text_or("read", "allowed") == "denied") {
    const std::string where = line.text_or("where", ""), rule = line.text_or("rule", "");
    receiver.what += rule.empty() ? fmt::format(", gets nothing: no line of {} allows it to read this", where)
                                  : fmt::format(", gets nothing: denied by {}: {}", where, rule);
  } else if (line.text_or("state", "") != "away") {
    receiver.gets = true;
  } else if (line.text_or("qos0_kept", "no") == "yes") {
    receiver.gets = true;
    receiver.what += ", away: queued";
  } else if (qos > 0) {
    receiver.gets = true;
    receiver.what += ", away: queued at QoS 1 and 2";
  } else {
    receiver.what += ", gets nothing: it is away, and nothing is queued at QoS 0";
  }
  return receiver;
}

std::string lines_of(std::vector<Receiver>& receivers, std::string_view indent, bool with_filter) {
  std::ranges::sort(receivers, {}, [](const Receiver& each) { return std::tie(each.who, each.filter); });
  std::string text;
  for (const Receiver& each : receivers) {
    text += indent;
    text += printable(each.who);
    if (with_filter) text += "  by " + printable(each.filter);
    text += "  " + printable(each.what) + "\n";
  }
  return text;
}

}  // namespace

std::string say_receivers(const std::string& socket, const std::string& topic, const std::string& client) {
  constexpr const char* kLine = "  receivers  {}\n";
  if (socket.empty()) return fmt::format(kLine, "not known: no broker is asked without control_socket (--socket)");
  control::Line request(std::string(control::kVersion) + " receivers");
  request.add("topic", topic).add("from", client);
  std::vector<Receiver> plain;
  std::map<std::string, std::vector<Receiver>> groups;
  std::set<std::string> who;
  const auto count = ask(socket, request, [&](const control::Line& line) {
    if (line.words()[0] != "receiver") return;
    Receiver receiver = receiver_of(line);
    const std::string share = line.text_or("share", "");
    if (!share.empty()) return groups["$share/" + share + "/" + receiver.filter].push_back(std::move(receiver));
    if (receiver.gets) who.insert(receiver.who);
    plain.push_back(std::move(receiver));
  });
  if (!count) return fmt::format(kLine, "not known: " + count.error());
  const auto serving = std::ranges::count_if(
      groups, [](const auto& group) { return std::ranges::any_of(group.second, &Receiver::gets); });
  std::string text = fmt::format("  receivers  {} client{}", who.size(), who.size() == 1 ? "" : "s");
  if (!groups.empty()) text += fmt::format(", and one member of {} shared group{}", serving, serving == 1 ? "" : "s");
  text += fmt::format(", as the broker at {} has subscriptions and rules now\n", socket);
  text += lines_of(plain, "    ", true);
  for (auto& [name, members] : groups) {
    text += fmt::format("    {}: one of\n", printable(name)) + lines_of(members, "      ", false);
  }
  return text;
}

}  // namespace bramble::ctl
