#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>

#include "tools/ctl/commands.h"

namespace bramble::ctl {

namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::size_t kPayloadBytesMax = mqtt::kRemainingLengthMax;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

SteadyTime from_now(const Options& options) {
  return std::chrono::steady_clock::now() + (options.timeout.count() != 0 ? options.timeout : kPatience);
}

OrMessage<void> publish_one(Client& client, const Options& options, std::string_view payload) {
  return client.publish(options.topics.front(), payload, options.qos, options.retain, from_now(options));
}

OrMessage<std::string> whole(std::FILE* file, const std::string& name) {
  std::string text;
  char part[64 << 10];
  while (const std::size_t got = std::fread(part, 1, sizeof part, file)) {
    text.append(part, got);
    if (text.size() > kPayloadBytesMax) return wrong(name + " has more than the 256 MiB that a message may have");
  }
  if (std::ferror(file) != 0) return wrong(fmt::format("{} cannot be read: {}", name, std::strerror(errno)));
  return text;
}

/// What is known before anybody is connected to.
OrMessage<std::string> payload_of(const Options& options) {
  if (options.source == Source::input) return whole(stdin, "the standard input");
  if (options.source != Source::file) return options.message;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(options.message.c_str(), "rbe"), &std::fclose);
  if (!file) return wrong(fmt::format("-f: {} cannot be read: {}", options.message, std::strerror(errno)));
  return whole(file.get(), options.message);
}

/// Each line as it comes, and the last one even if its end is missing.
OrMessage<void> publish_lines(Client& client, const Options& options) {
  std::string text;
  char part[64 << 10];
  for (;;) {
    if (auto waited = client.wait_for(STDIN_FILENO); !waited) return waited;
    const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return wrong(fmt::format("the standard input cannot be read: {}", std::strerror(errno)));
    if (got == 0) return text.empty() ? OrMessage<void>() : publish_one(client, options, text);
    std::size_t begin = 0, searched = text.size();
    text.append(part, static_cast<std::size_t>(got));
    for (std::size_t end; (end = text.find('\n', searched)) != std::string::npos; begin = searched = end + 1) {
      const auto line = std::string_view(text).substr(begin, end - begin);
      if (auto published = publish_one(client, options, line); !published) return published;
    }
    text.erase(0, begin);
    if (text.size() > kPayloadBytesMax) return wrong("a line has more than the 256 MiB that a message may have");
  }
}

OrMessage<void> run(const Options& options) {
  const auto payload = payload_of(options);
  if (!payload) return wrong(payload.error());
  auto client = Client::connect(options.place, options.login, from_now(options));
  if (!client) return wrong(std::move(client.error()));
  auto published =
      options.source == Source::lines ? publish_lines(*client, options) : publish_one(*client, options, *payload);
  if (!published) return published;
  return client->disconnect(from_now(options));
}

}  // namespace

int publish(const Options& options) {
  const auto done = run(options);
  return done ? kDone : fail(kFailed, "pub: " + done.error());
}

}  // namespace bramble::ctl
