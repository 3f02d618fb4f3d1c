#pragma once

#include <string>

#include "core/base/result.h"

namespace bramble::passwd {

/// Asks twice for a password: on the terminal, without showing it, or, where standard input is no terminal, by reading
/// two lines of it in silence. A signal that ends the program meanwhile leaves the terminal as it was. Errors: not the
/// same twice, empty, too long, or no more input.
OrMessage<std::string> ask_password();

/// Asks once, for a password that somebody has already; it may be empty.
OrMessage<std::string> ask_password_once();

}  // namespace bramble::passwd
