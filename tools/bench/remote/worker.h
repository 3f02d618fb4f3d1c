#pragma once

#include "tools/bench/address.h"
#include "tools/bench/remote/wire.h"

namespace bramble::bench {

/// `--worker`: waits for managers, one after the other, and plays for each the part of a run that it asks for. Nobody
/// is asked who they are: whoever reaches the port may have this machine load any broker with the scenarios and options
/// of this tool, and with nothing else; no file is read or written for a manager. For private networks. Returns the
/// exit status, when the address cannot be had or the user has interrupted a run.
int run_worker(const Address& address);

/// One manager from its first message to its last. False: the user interrupted the run.
bool serve_manager(Wire wire);

}  // namespace bramble::bench
