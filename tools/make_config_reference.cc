// Prints configs/reference.conf. After a change of an option:
//   build/release/bin/make_config_reference > configs/reference.conf

#include <cstdio>

#include "broker/config/reference.h"

int main() { return std::fputs(bramble::config_reference().c_str(), stdout) < 0 ? 1 : 0; }
