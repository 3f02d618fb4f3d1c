#include "tools/passwd/ask.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "core/auth/password_hash.h"

namespace bramble::passwd {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

volatile std::sig_atomic_t caught = 0;

/// While it lives, the signals that end a program wait until wait_for() waits, and end that; those that stop a program
/// wait, too. With a plain read(), one that came just before it would be forgotten.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : kSignals) ::sigaddset(&ending, signal);
    ::sigprocmask(SIG_BLOCK, &ending, &mask_before_);
    struct sigaction catching {};
    catching.sa_handler = [](int signal) { caught = signal; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &catching, &before_[i]);
    struct sigaction ignoring {};
    ignoring.sa_handler = SIG_IGN;
    ::sigaction(SIGTSTP, &ignoring, &stop_before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
    ::sigaction(SIGTSTP, &stop_before_, nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    if (caught != 0) ::raise(caught);
  }

  /// Until there is something to read. False: a signal came.
  bool wait_for(int descriptor) const {
    pollfd readable{descriptor, POLLIN, 0};
    while (caught == 0) {
      if (::ppoll(&readable, 1, nullptr, &mask_before_) > 0 || errno != EINTR) return true;
    }
    return false;
  }

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  std::array<struct sigaction, kSignals.size()> before_{};
  struct sigaction stop_before_ {};
  sigset_t mask_before_{};
};

/// A terminal that does not show what is typed, until this goes.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK);
    silent.c_lflag |= ECHONL | ICANON;
    changed_ = ::tcsetattr(terminal, TCSAFLUSH, &silent) == 0;
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }

  bool silent() const { return changed_; }

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

/// One line, without its end. Byte by byte: what is behind it belongs to the next question.
OrMessage<std::string> read_line(int from, const HeldSignals& signals) {
  std::string line;
  char letter = 0;
  for (;;) {
    if (!signals.wait_for(from)) return wrong("no password was given");
    const auto got = ::read(from, &letter, 1);
    if (got < 0) return wrong("the password cannot be read: " + std::generic_category().message(errno));
    if (got == 0 && line.empty()) return wrong("the input ended before the password was given");
    if (got == 0 || letter == '\n') break;
    if (line.size() > PasswordHash::kPasswordBytesMax) return wrong("the password has more than 65535 bytes");
    line += letter;
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void show(int terminal, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(terminal, text.data(), text.size());
    if (written < 0) return;  // then it asks without words
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

OrMessage<std::string> read_once(int from, bool terminal, const HeldSignals& signals) {
  if (terminal) show(from, "Password: ");
  auto password = read_line(from, signals);
  if (password && password->size() > PasswordHash::kPasswordBytesMax)
    return wrong("the password has more than 65535 bytes");
  return password;
}

OrMessage<std::string> read_twice(int from, bool terminal, const HeldSignals& signals) {
  auto first = read_once(from, terminal, signals);
  if (!first) return first;
  if (first->empty()) return wrong("the password is empty; if that is meant: -b FILE USER ''");
  if (terminal) show(from, "Reenter password: ");
  auto second = read_line(from, signals);
  if (!second) return second;
  if (*first != *second) return wrong("the two passwords are not the same; nothing is changed");
  return first;
}

/// On the terminal if there is one.
OrMessage<std::string> ask(OrMessage<std::string> (*read)(int, bool, const HeldSignals&)) {
  const HeldSignals signals;  // goes after the terminal is as it was
  if (::isatty(STDIN_FILENO) == 0) return read(STDIN_FILENO, false, signals);
  const int opened = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  const int terminal = opened >= 0 ? opened : STDIN_FILENO;
  OrMessage<std::string> password;
  {
    const Silence silence(terminal);
    password =
        silence.silent() ? read(terminal, true, signals) : wrong("the terminal cannot be told not to show passwords");
  }
  if (opened >= 0) ::close(opened);
  return password;
}

}  // namespace

OrMessage<std::string> ask_password() { return ask(&read_twice); }

OrMessage<std::string> ask_password_once() { return ask(&read_once); }

}  // namespace bramble::passwd
