#include "broker/admin/answer.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>

namespace bramble {

namespace {

constexpr std::string_view kOfClients[] = {"state", "id", "user", "address", "listener", "subscribed", "lines"};
constexpr std::string_view kOfReceivers[] = {"topic", "from"};

struct Command {
  std::string_view name;
  std::span<const std::string_view> names;  ///< that it takes
  OrMessage<std::unique_ptr<Answer>> (*answer)(const control::Line& request, const Commons& commons);
};
constexpr auto kCommands = std::to_array<Command>({
    {"clients", kOfClients, &clients_answer},
    {"receivers", kOfReceivers, &receivers_answer},
});

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

}  // namespace

OrMessage<std::unique_ptr<Answer>> answer_to(const control::Line& request, const Commons& commons) {
  const auto& words = request.words();
  if (words.size() != 2 || words[0] != control::kVersion) {
    return wrong(fmt::format("a request begins with {} and a command", control::kVersion));
  }
  const auto* const command = std::ranges::find(kCommands, words[1], &Command::name);
  if (command == kCommands.end()) return wrong(fmt::format("no command is called {} here", words[1]));
  for (std::size_t i = 0; i < request.values().size(); ++i) {
    const std::string& name = request.values()[i].first;
    if (std::ranges::find(command->names, name) == command->names.end()) {
      return wrong(fmt::format("{} takes no {}", command->name, name));
    }
    if (request.find(name) != &request.values()[i].second) return wrong(fmt::format("{} is there twice", name));
  }
  return command->answer(request, commons);
}

}  // namespace bramble
