#include "broker/net/bound_socket.h"

#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace bramble {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "bramble-socket-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  std::string socket() const { return path_ + "/socket"; }

 private:
  std::string path_;
};

ListenerOptions unix_listener(const std::string& path, unsigned mode = 0660) {
  ListenerOptions options;
  options.port = 0;
  options.bind_address = path;
  options.unix_socket_mode = mode;
  options.declared_at = "test.conf:1";
  return options;
}

/// A plain socket: bound and, if `backlog` is not negative, listening.
class Other {
 public:
  Other(const std::string& path, int backlog) {
    REQUIRE(::bind(socket_, address(path), sizeof(sockaddr_un)) == 0);
    if (backlog >= 0) REQUIRE(::listen(socket_, backlog) == 0);
  }
  Other() = default;
  ~Other() { ::close(socket_); }
  Other(const Other&) = delete;
  bool connect(const std::string& path) { return ::connect(socket_, address(path), sizeof(sockaddr_un)) == 0; }

 private:
  const sockaddr* address(const std::string& path) {
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, path.data(), path.size());
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  int socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address_{};
};

}  // namespace

TEST_CASE("a Unix socket has the mode it was given, whatever the umask, and its file goes with it") {
  const Folder folder;
  const mode_t before = ::umask(0077);
  for (const unsigned mode : {0600u, 0660u, 0666u}) {
    const auto sockets = BoundSocket::open(unix_listener(folder.socket(), mode));
    REQUIRE(sockets.has_value());
    struct stat found {};
    REQUIRE(::lstat(folder.socket().c_str(), &found) == 0);
    CHECK(S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == mode);
    CHECK(sockets->at(0).address() == folder.socket());
    CHECK_FALSE(sockets->at(0).tcp());
    CHECK(Other().connect(folder.socket()));
  }
  CHECK_FALSE(fs::exists(folder.socket()));
  CHECK(::umask(before) == 0077);
}

TEST_CASE("what a killed broker has left behind is taken over") {
  const Folder folder;
  { const Other killed(folder.socket(), 1); }
  REQUIRE(fs::exists(folder.socket()));
  const auto sockets = BoundSocket::open(unix_listener(folder.socket()));
  REQUIRE(sockets.has_value());
  CHECK(Other().connect(folder.socket()));
}

TEST_CASE("a socket that somebody listens on is left alone") {
  const Folder folder;
  const Other live(folder.socket(), 8);
  const auto sockets = BoundSocket::open(unix_listener(folder.socket()));
  REQUIRE_FALSE(sockets.has_value());
  CHECK(sockets.error() == "test.conf:1: Cannot listen on " + folder.socket() +
                               ": it is there already; stop what listens on it, or choose another path");
  CHECK(Other().connect(folder.socket()));
}

TEST_CASE("a socket whose owner is too busy to accept is live, and holds up nobody") {
  const Folder folder;
  const Other live(folder.socket(), 0);
  Other first, second;
  REQUIRE(first.connect(folder.socket()));  // the backlog is full now
  CHECK_FALSE(BoundSocket::open(unix_listener(folder.socket())).has_value());
  CHECK(fs::exists(folder.socket()));
}

TEST_CASE("what is not a socket is left alone") {
  const Folder folder;
  std::ofstream(folder.socket()) << "text";
  const auto sockets = BoundSocket::open(unix_listener(folder.socket()));
  REQUIRE_FALSE(sockets.has_value());
  CHECK(sockets.error().find("it is no socket; choose another path") != std::string::npos);
  CHECK(sockets.error() == "test.conf:1: " + BoundSocket::no_unix_path(folder.socket()));
  CHECK(fs::file_size(folder.socket()) == 4);
  fs::remove(folder.socket());
  fs::create_symlink("nowhere", folder.socket());
  CHECK_FALSE(BoundSocket::open(unix_listener(folder.socket())).has_value());
  CHECK(fs::is_symlink(folder.socket()));
}

TEST_CASE("a path that cannot be a socket's is told") {
  const Folder folder;
  const auto missing = BoundSocket::open(unix_listener(folder.socket() + "/deeper"));
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().find("No such file or directory") != std::string::npos);
  const auto long_one = BoundSocket::open(unix_listener("/" + std::string(108, 'x')));
  REQUIRE_FALSE(long_one.has_value());
  CHECK(long_one.error().find("at most 107 bytes") != std::string::npos);
  CHECK(BoundSocket::open(unix_listener(folder.socket())).has_value());
}

}  // namespace bramble
