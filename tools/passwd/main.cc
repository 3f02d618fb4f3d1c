// bramble-passwd: the passwords of a password file. What mosquitto_passwd does, and with its words.
#include <cstdio>
#include <string>
#include <string_view>

#include "core/auth/password_file.h"
#include "tools/passwd/arguments.h"
#include "tools/passwd/ask.h"
#include "tools/passwd/edit.h"
#include "tools/passwd/stored_file.h"

namespace {

using namespace bramble;
using namespace bramble::passwd;

int failed(const std::string& why) {
  std::fprintf(stderr, "bramble-passwd: %s\n", why.c_str());
  return 1;
}

int show(const std::string& text) {
  const bool shown = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return shown ? 0 : failed("the standard output cannot be written to");
}

/// Writes the file, and says if a broker will refuse it for what was in it before.
int write(const StoredFile& file, const std::string& name, const std::string& text) {
  if (const auto wrong = file.replace(text); !wrong.empty()) return failed(wrong);
  if (const auto read = PasswordFile::parse(text, name); !read) {
    std::fprintf(stderr, "bramble-passwd: this is done, but Bramble will refuse the file: %s\n", read.error().c_str());
  }
  return 0;
}

int set_password(const Arguments& arguments) {
  const auto missing = arguments.create ? StoredFile::Missing::is_new : StoredFile::Missing::is_wrong;
  const bool to_stdout = arguments.file == "-";
  std::string password = arguments.password;
  if (!arguments.password_given) {
    if (!to_stdout) {  // what is wrong with the file is told before anybody is asked; nobody is kept out meanwhile
      if (const auto file = StoredFile::open(arguments.file, missing); !file) return failed(file.error());
    }
    const auto asked = ask_password();
    if (!asked) return failed(asked.error());
    password = *asked;
  }
  const auto hash = new_hash(password, arguments.hashing);
  if (!hash) return failed(hash.error());
  if (to_stdout) return show(with_user("", arguments.user, *hash).text);
  const auto file = StoredFile::open(arguments.file, missing);
  if (!file) return failed(file.error());
  const std::string_view before = arguments.create ? std::string_view() : file->text();
  return write(*file, arguments.file, with_user(before, arguments.user, *hash).text);
}

int remove_user(const Arguments& arguments) {
  const auto file = StoredFile::open(arguments.file, StoredFile::Missing::is_wrong);
  if (!file) return failed(file.error());
  const auto edited = without_user(file->text(), arguments.user);
  if (edited.lines == 0) return failed(arguments.file + ": there is no user " + arguments.user + " in it");
  return write(*file, arguments.file, edited.text);
}

int hash_all(const Arguments& arguments) {
  const auto file = StoredFile::open(arguments.file, StoredFile::Missing::is_wrong);
  if (!file) return failed(file.error());
  const auto edited = with_hashes(file->text(), arguments.file, [&arguments](std::string_view password) {
    return new_hash(password, arguments.hashing);
  });
  if (!edited) return failed(edited.error());
  return edited->lines == 0 ? 0 : write(*file, arguments.file, edited->text);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse_arguments(argc, argv);
  if (!arguments) return failed(arguments.error() + " (bramble-passwd --help)");
  switch (arguments->action) {
    case Action::help: return show(usage());
    case Action::version: return show("bramble-passwd version " BRAMBLE_VERSION "\n");
    case Action::set: return set_password(*arguments);
    case Action::remove: return remove_user(*arguments);
    case Action::hash_all: return hash_all(*arguments);
  }
  return 1;
}
