#include "tools/passwd/arguments.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mqtt/utf8.h"

namespace bramble::passwd {

namespace {

constexpr std::size_t kUserBytesMax = 65'535;
constexpr std::string_view kBlanks = " ";  // the others are control characters

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

struct FormName {
  std::string_view name;
  HashForm form;
};
constexpr auto kFormNames = std::to_array<FormName>(
    {{"argon2id", HashForm::argon2id}, {"sha512-pbkdf2", HashForm::pbkdf2}, {"sha512", HashForm::sha512}});

/// What is asked for before the file's name.
struct Flags {
  bool create = false, remove = false, hash_all = false, batch = false, help = false, version = false;
  std::optional<HashForm> form;
  std::optional<std::uint32_t> iterations;
};

std::string take_form(std::string_view name, Flags& flags) {
  for (const FormName& known : kFormNames) {
    if (known.name == name) flags.form = known.form;
  }
  return flags.form ? "" : "unknown hash type '" + std::string(name) + "': argon2id, sha512-pbkdf2 or sha512";
}

std::string take_iterations(std::string_view text, Flags& flags) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value == 0 || value > Pbkdf2Cost::kIterationsMax) {
    return "-I takes a number from 1 to " + std::to_string(Pbkdf2Cost::kIterationsMax) + ", not '" + std::string(text) +
           "'";
  }
  flags.iterations = value;
  return {};
}

/// Takes the flags off the front of `words`. Returns what is wrong, empty if nothing.
std::string take_flags(std::vector<std::string_view>& words, Flags& flags) {
  std::size_t at = 0;
  for (; at < words.size() && words[at].size() > 1 && words[at].front() == '-'; ++at) {
    const std::string_view word = words[at];
    if (word == "-c") {
      flags.create = true;
    } else if (word == "-b") {
      flags.batch = true;
    } else if (word == "-D") {
      flags.remove = true;
    } else if (word == "-U") {
      flags.hash_all = true;
    } else if (word == "-h" || word == "--help") {
      flags.help = true;
    } else if (word == "--version") {
      flags.version = true;
    } else if (word == "-H" || word == "-I") {
      if (++at == words.size()) return std::string(word) + " needs a value behind it";
      auto refused = word == "-H" ? take_form(words[at], flags) : take_iterations(words[at], flags);
      if (!refused.empty()) return refused;
    } else if (word == "--") {
      ++at;
      break;
    } else {
      return "unknown option " + std::string(word);
    }
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

std::string refuse_together(const Flags& flags) {
  const std::pair<std::string_view, bool> alone[] = {
      {"-c", flags.create}, {"-D", flags.remove}, {"-U", flags.hash_all}};
  std::string_view first;
  for (const auto& [name, given] : alone) {
    if (!given) continue;
    if (!first.empty()) return std::string(first) + " and " + std::string(name) + " cannot be used together";
    first = name;
  }
  if (flags.batch && flags.remove) return "-b and -D cannot be used together";
  if (flags.iterations && flags.form.value_or(HashForm::pbkdf2) != HashForm::pbkdf2) {
    return "-I is for -H sha512-pbkdf2 alone";
  }
  return {};
}

bool has_control_character(std::string_view text) {
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7F) return true;
  }
  return false;
}

/// What keeps a user from being found in the file, or from being named by a client; empty: nothing.
std::string refuse_user(std::string_view user) {
  if (user.empty()) return "the user has no name";
  if (user.size() > kUserBytesMax) return "the user's name has more than " + std::to_string(kUserBytesMax) + " bytes";
  if (user.find(':') != std::string_view::npos) return "a user's name must not contain ':'";
  if (has_control_character(user)) return "a user's name must not contain control characters";
  if (user.front() == '#') return "a user's name must not begin with '#': its line would be a comment";
  if (kBlanks.find(user.front()) != std::string_view::npos || kBlanks.find(user.back()) != std::string_view::npos) {
    return "a user's name must not begin or end with a blank: a broker takes it off";
  }
  if (!mqtt::valid_utf8(user)) return "a user's name must be UTF-8, as all text of MQTT";
  return {};
}

Action action_of(const Flags& flags) {
  if (flags.help) return Action::help;
  if (flags.version) return Action::version;
  if (flags.remove) return Action::remove;
  return flags.hash_all ? Action::hash_all : Action::set;
}

/// The words behind the flags. Returns what is wrong, empty if nothing.
std::string take_names(const std::vector<std::string_view>& words, Arguments& arguments) {
  const bool has_user = arguments.action != Action::hash_all;
  const std::string expected =
      std::string("FILE") + (has_user ? " USER" : "") + (arguments.password_given ? " PASSWORD" : "");
  const std::size_t count = 1u + (has_user ? 1u : 0u) + (arguments.password_given ? 1u : 0u);
  if (words.size() < count) return "something is missing: " + expected;
  if (words.size() > count) {
    const bool may_be_password = arguments.action == Action::set && words.size() == count + 1;
    return "too many words: " + expected + (may_be_password ? ", or -b FILE USER PASSWORD" : "");
  }
  arguments.file = words[0];
  if (has_user) arguments.user = words[1];
  if (arguments.password_given) arguments.password = words[2];
  if (arguments.file.empty()) return "the file has no name";
  if (arguments.file == "-" && !arguments.create) return "'-' writes to standard output, which only -c can do";
  if (arguments.password.size() > PasswordHash::kPasswordBytesMax) return "the password has more than 65535 bytes";
  return arguments.action == Action::set ? refuse_user(arguments.user) : std::string();
}

}  // namespace

OrMessage<Arguments> parse_arguments(int argc, const char* const* argv) {
  std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.empty()) return wrong("which file and which user?");
  Flags flags;
  if (auto refused = take_flags(words, flags); !refused.empty()) return wrong(std::move(refused));
  Arguments arguments;
  arguments.action = action_of(flags);
  if (arguments.action == Action::help || arguments.action == Action::version) return arguments;
  if (auto refused = refuse_together(flags); !refused.empty()) return wrong(std::move(refused));
  arguments.create = flags.create;
  arguments.password_given = flags.batch && !flags.hash_all;  // mosquitto_passwd has -b count for nothing there
  arguments.hashing.form = flags.form.value_or(flags.iterations ? HashForm::pbkdf2 : HashForm::argon2id);
  if (flags.iterations) arguments.hashing.pbkdf2.iterations = *flags.iterations;
  if (auto refused = take_names(words, arguments); !refused.empty()) return wrong(std::move(refused));
  return arguments;
}

std::string usage() {
  return "Sets, removes and hashes the passwords of a password file, for Bramble and for Mosquitto.\n\n"
         "Usage: bramble-passwd [-H TYPE] [-I ITERATIONS] [-c] FILE USER\n"
         "       bramble-passwd [-H TYPE] [-I ITERATIONS] [-c] -b FILE USER PASSWORD\n"
         "       bramble-passwd -D FILE USER\n"
         "       bramble-passwd [-H TYPE] [-I ITERATIONS] -U FILE\n\n"
         "Sets the password of USER, whether he is in FILE already or not. Asks for it twice, without showing it; "
         "where\n"
         "the input is no terminal, its first two lines have to be the password.\n\n"
         " -b             take the password from the command line, where other users of this machine may see it\n"
         " -c             write a new FILE, which replaces one that is there; '-' is the standard output\n"
         " -D             delete USER\n"
         " -H TYPE        how to hash (argon2id):\n"
         "                argon2id       needs time and memory to guess; Bramble, and Mosquitto from 2.1 on\n"
         "                sha512-pbkdf2  needs time to guess; Bramble, and Mosquitto from 2.0 on\n"
         "                sha512         fast to guess; for Mosquitto before 2.0\n"
         " -I ITERATIONS  for sha512-pbkdf2, which it chooses if there is no -H (" +
         std::to_string(Pbkdf2Cost{}.iterations) +
         ")\n"
         " -U             hash every password of FILE that is in plain text; what is hashed stays as it is\n"
         " -h, --help     show this\n"
         " --version      show the version\n\n"
         "FILE keeps its comments, its order, its mode and its owner; a new one is readable for its owner alone.\n"
         "Ends with 0, or with 1 if nothing was changed because something was wrong.\n";
}

}  // namespace bramble::passwd
