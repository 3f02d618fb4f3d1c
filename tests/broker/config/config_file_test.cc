#include "broker/config/config_file.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "broker/config/config.h"

using namespace std::string_literals;

namespace {

// A folder of its own, gone at the end of the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "bramble-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, std::string_view text) const {
    const auto file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> values(const std::vector<bramble::ConfigLine>& lines) {
  std::vector<std::string> all;
  for (const auto& line : lines) all.push_back(line.value);
  return all;
}

}  // namespace

TEST_CASE("a line is a name and a value; comments, blanks and Windows line ends do not matter") {
  const auto lines = bramble::split_config("# comment\r\n\r\n  port \t 1883 \r\nuser a b\n#x\nlast", "f");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].name == "port");
  CHECK(lines[0].value == "1883");
  CHECK(lines[0].where == "f:3");
  CHECK(lines[1].value == "a b");
  CHECK(lines[2].name == "last");
  CHECK(lines[2].value.empty());
  CHECK(lines[2].where == "f:6");
  CHECK(bramble::split_config("", "f").empty());
}

TEST_CASE("a byte order mark at the beginning is skipped, as editors of Windows write it") {
  const auto lines = bramble::split_config("\xEF\xBB\xBFport 1883\r\nuser x", "f");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].name == "port");
}

TEST_CASE("a file without end is not read to its end") {
  CHECK(bramble::read_config_file("/dev/zero").error() == "/dev/zero: has more than 16 MiB; is it the right file?");
}

TEST_CASE("an empty file, /dev/null too, says nothing") {
  const auto lines = bramble::read_config_file("/dev/null");
  REQUIRE_MESSAGE(lines.has_value(), lines.error());
  CHECK(lines->empty());
}

TEST_CASE("include_dir reads every .conf where it stands, upper case of a letter before its lower case") {
  const Folder folder;
  folder.write("d/b.conf", "user b");
  folder.write("d/B.conf", "user B");
  folder.write("d/a.conf", "user a\n");
  folder.write("d/C.conf", "user C\n");
  folder.write("d/aa.conf", "user aa\n");
  folder.write("d/a.txt", "user txt\n");
  folder.write("d/.conf", "user nobody\n");  // has no name before it
  const auto main = folder.write("main.conf", "user first\ninclude_dir " + folder.path() + "/d\nuser last\n");
  const auto lines = bramble::read_config_file(main);
  REQUIRE(lines.has_value());
  CHECK(values(*lines) == std::vector<std::string>{"first", "a", "aa", "B", "b", "C", "last"});
  CHECK((*lines)[1].where == folder.path() + "/d/a.conf:1");
}

TEST_CASE("a listener of an included file does not take the options that follow in the main file") {
  const Folder folder;
  folder.write("d/l.conf", "listener 2000\nmax_qos 1\n");
  const auto main = folder.write(
      "main.conf", "allow_anonymous true\nlistener 1883\ninclude_dir " + folder.path() + "/d\nmax_connections 4\n");
  const auto lines = bramble::read_config_file(main);
  REQUIRE(lines.has_value());
  const auto config = bramble::make_config(*lines);
  REQUIRE(config.has_value());
  REQUIRE(config->listeners.size() == 2);
  CHECK(config->listeners[0].max_connections == 4);
  CHECK(config->listeners[1].max_connections == -1);
  CHECK(config->listeners[1].max_qos == bramble::mqtt::Qos::at_least_once);
}

TEST_CASE("what cannot be read is named, with the line that asked for it") {
  const Folder folder;
  const std::string missing = folder.path() + "/none.conf";
  CHECK(bramble::read_config_file(missing).error() ==
        missing + ": cannot be read: No such file or directory; check the path");
  CHECK(bramble::read_config_file(folder.path()).error() ==
        folder.path() + ": cannot be read: it is a folder; name a file in it");
  const auto main = folder.write("main.conf", "\ninclude_dir " + folder.path() + "/none\n");
  CHECK(bramble::read_config_file(main).error() ==
        main + ":2: include_dir: folder " + folder.path() +
            "/none cannot be read: No such file or directory; check the path");
  CHECK(bramble::read_config_file(folder.write("empty.conf", "include_dir\n")).error() ==
        folder.path() + "/empty.conf:1: include_dir: needs a folder behind it");
  folder.write("d/x.conf", "user a\nuser \0b\n"s);
  CHECK(bramble::read_config_file(folder.write("main.conf", "include_dir " + folder.path() + "/d\n")).error() ==
        main + ":1: include_dir: " + folder.path() +
            "/d/x.conf:2: holds a zero byte, so it is no text file; save it as UTF-8");
}

TEST_CASE("an included file may not include others") {
  const Folder folder;
  folder.write("d/x.conf", "include_dir /etc\n");
  const auto main = folder.write("main.conf", "include_dir " + folder.path() + "/d\n");
  const auto lines = bramble::read_config_file(main);
  REQUIRE(lines.has_value());
  CHECK(bramble::make_config(*lines).error() ==
        folder.path() + "/d/x.conf:1: include_dir: only the main file may include others");
}
