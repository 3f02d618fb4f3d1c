#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "tools/passwd/new_hash.h"

namespace bramble::passwd {

enum class Action { set, remove, hash_all, help, version };

/// What the command line asks for. The same words as mosquitto_passwd's.
struct Arguments {
  Action action = Action::help;
  Hashing hashing;
  bool create = false;          ///< -c
  bool password_given = false;  ///< -b
  std::string file;             ///< "-": standard output, with -c alone
  std::string user;             ///< a name that a client can have, if it is to be set
  std::string password;
};

/// Errors: what is wrong with the command line, in one line.
OrMessage<Arguments> parse_arguments(int argc, const char* const* argv);

std::string usage();

}  // namespace bramble::passwd
