#include "tools/ctl/control.h"

#include <fmt/format.h>

#include "broker/config/command_line.h"
#include "tools/ctl/stream.h"
#include "tools/ctl/table.h"

namespace bramble::ctl {

namespace {

constexpr Seconds kPatience{30};  // for the next bytes
constexpr std::size_t kLineMax = 16u << 20;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

SteadyTime soon() { return std::chrono::steady_clock::now() + kPatience; }

/// The lines of an answer as they come.
class Answer {
 public:
  Answer(Stream& stream, std::string name) : stream_(stream), name_(std::move(name)) {}

  OrMessage<control::Line> next() {
    while (true) {
      const auto end = bytes_.find('\n', begun_);
      if (end != std::string::npos) {
        auto line = control::Line::parse(std::string_view(bytes_).substr(begun_, end - begun_));
        begun_ = end + 1;
        if (!line || line->words().empty())
          return wrong(name_ + " answers with something that is no line of Bramble's");
        return *std::move(line);
      }
      if (auto more = read(); !more) return wrong(more.error());
    }
  }

 private:
  OrMessage<void> read() {
    bytes_.erase(0, begun_);
    begun_ = 0;
    if (bytes_.size() > kLineMax) return wrong(name_ + " answers with a line without an end");
    while (true) {
      const auto got = stream_.read();
      if (!got) return wrong(fmt::format("the answer from {} is not whole: {}", name_, got.error()));
      if (!got->empty()) return bytes_ += *got, OrMessage<void>();
      if (!stream_.wait_to_read(soon())) return wrong(name_ + " does not answer");
    }
  }

  Stream& stream_;
  const std::string name_;
  std::string bytes_;
  std::size_t begun_ = 0;
};

}  // namespace

OrMessage<std::uint64_t> ask(const std::string& socket, const control::Line& request,
                             const std::function<void(const control::Line& line)>& take) {
  Place place;
  place.unix_socket = socket;
  place.control = true;
  auto stream = Stream::open(place, soon());
  if (!stream) return wrong(stream.error());
  if (const auto asked = (*stream)->write(request.text(), soon()); !asked) return wrong(asked.error());
  Answer answer(**stream, socket);
  const auto first = answer.next();
  if (!first) return wrong(first.error());
  const auto& words = first->words();
  if (words.size() < 2 || words[0] != control::kVersion) {
    return wrong(
        fmt::format("{} is no control socket of this Bramble: it does not answer with {}", socket, control::kVersion));
  }
  if (words[1] != "ok")
    return wrong(fmt::format("the broker does not answer: {}", printable(first->text_or("why", "?"))));
  while (true) {
    const auto line = answer.next();
    if (!line) return wrong(line.error());
    if (line->words()[0] == "end") return line->number_or("count", 0);
    take(*line);
  }
}

tl::expected<std::string, NoSocket> control_socket_of(const std::string& file) {
  CommandLine command_line;
  command_line.config_file = file;
  const auto config = load_config(command_line);
  if (!config) return tl::unexpected(NoSocket{config.error(), true});
  if (!config->broker.control_socket.empty()) return config->broker.control_socket;
  return tl::unexpected(
      NoSocket{fmt::format("{} names no control_socket: write `control_socket /run/bramble/control` in it, or another "
                           "path in a folder that the broker may write to, and restart the broker",
                           file),
               false});
}

}  // namespace bramble::ctl
