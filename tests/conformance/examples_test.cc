#include <algorithm>
#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>

#include "tests/support/client.h"
#include "tests/support/text_file.h"

// Every file in configs/ starts a broker, with ports that are free and files that are there. One listener is the test's
// own, so what an example has for each listener holds for all here.
namespace bramble::testing {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What the examples expect in /etc/bramble.
class Etc {
 public:
  Etc() {
    const std::string make = "cd " + passwd.path() +
                             ".d && openssl req -x509 -newkey ec -pkeyopt "
                             "ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost -keyout server.key -out "
                             "server.crt 2>/dev/null && cp server.crt clients-ca.crt";
    std::filesystem::create_directory(folder());
    REQUIRE(std::system(make.c_str()) == 0);
    std::ofstream(folder() + "/passwd") << password_line("alice", "secret");
    std::ofstream(folder() + "/acl") << "user alice\ntopic readwrite #\n";
  }
  ~Etc() { std::filesystem::remove_all(folder()); }
  std::string folder() const { return passwd.path() + ".d"; }

 private:
  TextFile passwd{""};
};

}  // namespace

TEST_CASE("every example in configs/ starts, and serves who it says") {
  const Etc etc;
  int examples = 0, keeping = 0;
  for (const auto& entry : std::filesystem::directory_iterator("configs")) {
    if (entry.path().extension() != ".conf") continue;
    ++examples;
    CAPTURE(entry.path().string());
    std::string text = replaced(text_of(entry.path()), "/etc/bramble", etc.folder());
    const std::string store = etc.folder() + "/store-" + entry.path().stem().string();
    for (const char* const folder : {"bramble-data", "/var/lib/bramble"}) {
      text = replaced(text, std::string("\npersistence_location ") + folder + "\n",
                      "\npersistence_location " + store + "\n");
    }
    for (const char* const port : {"1883 127.0.0.1", "1883", "8883", "8884", "9001"}) {
      text = replaced(text, std::string("\nlistener ") + port + "\n", "\nlistener 0 127.0.0.1\n");
    }
    // the fixture's own listener is beside the file's, so that there is somebody to ask
    const std::string open =
        text.find("per_listener_settings true") == std::string::npos ? "" : "allow_anonymous true\n";
    text = replaced(text, "per_listener_settings true\n", "");
    text = replaced(text, "allow_anonymous false\n", "listener_allow_anonymous false\n");
    Broker broker(text + open);
    Client(broker).ping();
    const bool keeps = text.find("\npersistence true\n") != std::string::npos;
    CHECK(std::filesystem::exists(store) == keeps);
    keeping += keeps;
  }
  CHECK(examples >= 7);
  CHECK(keeping >= 4);
}

}  // namespace bramble::testing
