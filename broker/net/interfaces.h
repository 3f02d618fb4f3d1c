#pragma once

#include <string>
#include <vector>

namespace bramble {

/// One address of a network interface, as `ip address` shows them.
struct Interface {
  int index = 0;
  std::string device;   ///< "eth0"
  std::string address;  ///< "192.168.1.7", "fe80::1%eth0"
  bool loopback = false;
};

/// Those there are now. Empty if the kernel does not tell.  Threads: any. Cost: one round trip to the kernel.
std::vector<Interface> interfaces();

/// Tells when an address comes or goes (rtnetlink).  Threads: its owner's.
class InterfaceWatch {
 public:
  InterfaceWatch();
  ~InterfaceWatch();
  InterfaceWatch(const InterfaceWatch&) = delete;

  int descriptor() const { return descriptor_; }  ///< readable: something has changed; -1: the kernel does not tell
  void take();                                    ///< what the descriptor has to say

 private:
  const int descriptor_;
};

}  // namespace bramble
