#!/usr/bin/python3
"""A broker that is found by mDNS: seen from another machine by Avahi's own tools.

    tests/deploy/mdns.py [NAME ...]

NAME chooses tests. The machines are namespaces that it makes itself; where it may make none, it says so and tests
nothing. BRAMBLE_BIN is the broker's binary; without it build/release/bin/bramble. Ends with `N passed, N failed`.
"""

import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machines import Broker, Machine, broker, cable, peers, wait_for, why_not  # noqa: E402

PLAIN, SECURE = "_mqtt._tcp", "_secure-mqtt._tcp"
ABSENT, ANNOUNCED = "mdns: Avahi does not answer", "mdns: announced as"


def ipv4(services):
    return {each for each in services if each.protocol == "IPv4"}


class Mdns(unittest.TestCase):
    """The broker's machine is `pi4`, who looks for it sits at `laptop`; eth0 and eth1 join them."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="bramble-mdns-")
        cls.folder = Path(cls.temporary.name)
        cls.folder.chmod(0o755)
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.pi4, cls.laptop = (cls.machine(name) for name in ("pi4", "laptop"))
        for number, device in enumerate(("eth0", "eth1")):
            cable(cls.pi4, cls.laptop, device)
            cls.pi4.run("ip", "address", "add", f"10.77.{number}.1/24", "dev", device)
            cls.laptop.run("ip", "address", "add", f"10.77.{number}.2/24", "dev", device)
        for machine in (cls.pi4, cls.laptop):
            machine.start_bus()
            machine.start_avahi()

    @classmethod
    def machine(cls, name):
        made = Machine(cls.folder, name)
        cls.addClassCleanup(made.end)
        return made

    def setUp(self):
        self.sees(PLAIN, set())

    def seen(self, kind=PLAIN):
        return {(each.name, each.interface, each.address, each.port) for each in ipv4(self.laptop.browse(kind))}

    def sees(self, kind, expected):
        """Waits until what the laptop sees of this type, over IPv4, is this: {(name, device, address, port)}."""
        seen = set()

        def look():
            nonlocal seen
            seen = self.seen(kind)
            return seen == expected
        try:
            wait_for("", look)
        except AssertionError:
            self.fail(f"{kind}: {sorted(seen)}, not {sorted(expected)}")

    def everywhere(self, name="Bramble on pi4", port=1883):
        return {(name, "eth0", "10.77.0.1", port), (name, "eth1", "10.77.1.1", port)}

    def hears(self, address, payload):
        """A message goes to the broker at this address of the pi4 and comes from there, from the laptop."""
        to = ("-h", address, "-t", "mdns/test")
        self.laptop.run("mosquitto_pub", *to, "-r", "-m", payload)
        self.assertEqual(self.laptop.run("mosquitto_sub", *to, "-C", "1", "-W", "10"), payload)

    def test_both_types_are_seen_with_name_host_address_port_and_txt(self):
        authority = peers.Authority(self.folder, "authority")
        certificate, key = authority.sign("pi4", "/CN=pi4.local")
        key.chmod(0o644)
        text = (f"mdns true\nlistener 1883\nlistener 1885 127.0.0.1\nlistener 9001\nprotocol websockets\n"
                f"listener 8883\ncertfile {certificate}\nkeyfile {key}\ncafile {authority.pem}\n"
                f"require_certificate true\n")
        with broker(self.pi4, text) as made:
            self.sees(PLAIN, self.everywhere())
            self.sees(SECURE, self.everywhere(port=8883))
            for kind, auth in ((PLAIN, "none"), (SECURE, "certificate")):
                for each in ipv4(self.laptop.browse(kind)):
                    self.assertEqual(each.host, "pi4.local")
                    self.assertEqual(each.txt, {"proto=3.1,3.1.1,5", f"auth={auth}"})
            self.assertRegex(made.logged(ANNOUNCED), r'"Bramble on pi4" \(_mqtt._tcp, port 1883\).*pi4\.local')

    def test_nothing_is_announced_by_default_or_of_loopback(self):
        with broker(self.pi4, "listener 1883\n") as silent:
            self.assertEqual(silent.of_mdns(), [])
            with broker(self.pi4, "mdns true\nlistener 1884 127.0.0.1\n", "loopback") as inside:
                inside.logged("mdns: nothing is announced: no listener")
                with broker(self.pi4, "mdns true\nlistener 1885\n", "open"):  # one that is, so that time has passed
                    self.sees(PLAIN, self.everywhere("Bramble on pi4 (1885)", 1885))

    def test_a_new_address_is_followed_and_messages_arrive_there(self):
        with broker(self.pi4, "mdns true\nlistener 1883\n"):
            self.sees(PLAIN, self.everywhere())
            self.hears("10.77.0.1", "before")
            self.pi4.run("ip", "address", "del", "10.77.0.1/24", "dev", "eth0")
            self.addCleanup(self.pi4.run, "ip", "address", "add", "10.77.0.1/24", "dev", "eth0")
            self.pi4.run("ip", "address", "add", "10.77.0.9/24", "dev", "eth0")
            self.addCleanup(self.pi4.run, "ip", "address", "del", "10.77.0.9/24", "dev", "eth0")
            self.sees(PLAIN, {("Bramble on pi4", "eth0", "10.77.0.9", 1883), ("Bramble on pi4", "eth1", "10.77.1.1", 1883)})
            address = wait_for("a new address of pi4.local",
                               lambda: (found := self.laptop.resolve("pi4.local")) != "10.77.0.1" and found)
            self.hears(address, "after")
            self.hears("10.77.0.9", "there")

    def test_one_address_is_announced_on_its_interface_and_moves_with_it(self):
        with broker(self.pi4, "mdns true\nlistener 1883 10.77.1.5\n"):  # nobody has it yet
            self.pi4.run("ip", "address", "add", "10.77.1.5/24", "dev", "eth1")
            self.addCleanup(self.drop, "10.77.1.5/24")
            self.sees_at({"eth1"})
            self.hears("10.77.1.5", "first")
            self.pi4.run("ip", "address", "del", "10.77.1.5/24", "dev", "eth1")
            self.sees_at(set())
            self.pi4.run("ip", "address", "add", "10.77.1.5/24", "dev", "eth0")
            self.sees_at({"eth0"})

    def drop(self, address):
        for device in ("eth0", "eth1"):
            if address in self.pi4.run("ip", "address", "show", "dev", device):
                self.pi4.run("ip", "address", "del", address, "dev", device)

    def sees_at(self, devices):
        """The laptop sees a broker at these devices, and at no others."""
        wait_for(f"a broker at {devices}", lambda: {each.interface for each in ipv4(self.laptop.browse(PLAIN))} == devices)

    def test_a_listener_stays_announced_while_the_address_of_another_comes_and_goes(self):
        with broker(self.pi4, "mdns true\nlistener 1883 10.77.0.5\nlistener 1884\n") as made:
            self.addCleanup(self.drop, "10.77.0.5/24")
            self.sees(PLAIN, self.everywhere("Bramble on pi4 (1884)", 1884))
            for change in ("add", "del") * 9:  # Avahi bears with 14 changes of what it is told
                since = made.mark()
                self.pi4.run("ip", "address", change, "10.77.0.5/24", "dev", "eth0")

                def look():
                    stays = {each.interface for each in ipv4(self.laptop.browse(PLAIN)) if each.port == 1884}
                    self.assertEqual(stays, {"eth0", "eth1"})
                    return made.of_mdns(since)
                wait_for("a line of the change", look)

    def test_addresses_that_come_and_go_fast_are_followed_at_the_end(self):
        with broker(self.pi4, "mdns true\nlistener 1883 10.77.1.5\n") as made:
            self.addCleanup(self.drop, "10.77.1.5/24")
            for _ in range(20):
                for device in ("eth0", "eth1"):
                    self.pi4.run("ip", "address", "add", "10.77.1.5/24", "dev", device)
                    self.pi4.run("ip", "address", "del", "10.77.1.5/24", "dev", device)
            self.pi4.run("ip", "address", "add", "10.77.1.5/24", "dev", "eth1")
            self.sees_at({"eth1"})
            made.logged(ANNOUNCED + ".*eth1")
            self.pi4.run("ip", "address", "del", "10.77.1.5/24", "dev", "eth1")
            self.pi4.run("ip", "address", "add", "10.77.1.5/24", "dev", "eth0")
            made.logged(ANNOUNCED + ".*eth0")

    def test_two_listeners_of_one_port_that_let_in_others_are_both_announced(self):
        self.pi4.run("ip", "address", "add", "10.77.0.3/24", "dev", "eth0")
        self.addCleanup(self.drop, "10.77.0.3/24")
        with broker(self.pi4, "mdns true\nlistener 1883 10.77.0.1\nlistener 1883 10.77.0.3\naccept_protocol_versions 5\n"
                    "listener 1884\n") as made:
            made.logged(ANNOUNCED)
            seen = {(each.name, text) for each in self.laptop.browse(PLAIN) if each.port == 1883
                    for text in each.txt if text.startswith("proto")}
            self.assertEqual(seen, {("Bramble on pi4", "proto=3.1,3.1.1,5"), ("Bramble on pi4 #2", "proto=5")})

    def test_a_name_that_takes_long_is_told_of(self):
        taken = ["Bramble on pi4", *(f"Bramble on pi4 #{number}" for number in range(2, 14))]
        for name in taken:
            self.publish(self.laptop, name)
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            made.logged("mdns: Avahi has not announced .* for 10 s")
            made.logged(ANNOUNCED + ' "Bramble on pi4 #14"')

    def publish(self, machine, name):
        """Another program that has this name."""
        made = peers.subprocess.Popen(machine.command("avahi-publish", "--service", name, PLAIN, "1883"),
                                      stderr=peers.subprocess.PIPE)
        self.addCleanup(made.stderr.close)
        self.addCleanup(made.wait)
        self.addCleanup(made.kill)
        self.assertIn(b"Established", made.stderr.readline())
        return made

    def test_a_thread_that_an_error_ended_starts_again_with_the_next_reload(self):
        text = "user root\nmdns true\nlistener 1883\n"  # whose limits may be set
        with broker(self.pi4, text) as made:
            self.sees(PLAIN, self.everywhere())
            limits = self.pi4.run("prlimit", "--pid", made.process.pid, "--nofile", "--noheadings", "--output", "SOFT,HARD")
            self.pi4.run("prlimit", "--pid", made.process.pid, "--nofile=3:")  # poll() takes no more descriptors than that
            self.pi4.run("ip", "address", "add", "10.77.0.3/24", "dev", "eth0")
            self.addCleanup(self.drop, "10.77.0.3/24")
            made.logged("mdns: nothing is announced any more: ")
            self.sees(PLAIN, set())
            self.drop("10.77.0.3/24")
            self.pi4.run("prlimit", "--pid", made.process.pid, f"--nofile={limits.split()[0]}:")
            made.reload(text)
            self.sees(PLAIN, self.everywhere())

    def test_a_device_is_announced_alone(self):
        with broker(self.pi4, "mdns true\nlistener 1883\nbind_interface eth1\n"):
            self.sees(PLAIN, {("Bramble on pi4", "eth1", "10.77.1.1", 1883)})

    def test_a_listener_of_ipv6_is_announced_over_ipv6_alone(self):
        with broker(self.pi4, "mdns true\nlistener 1883\nsocket_domain ipv6\n"):
            seen = wait_for("a broker", lambda: self.laptop.browse(PLAIN))
            self.assertEqual({each.protocol for each in seen}, {"IPv6"})

    def test_a_reload_announces_what_is_new_and_takes_back_what_is_gone(self):
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            self.sees(PLAIN, self.everywhere())
            made.reload("mdns true\nlistener 1884\nlistener 1886\naccept_protocol_versions 5\n")
            self.sees(PLAIN, self.everywhere("Bramble on pi4 (1884)", 1884) | self.everywhere("Bramble on pi4 (1886)", 1886))
            self.assertIn("proto=5", {text for each in self.laptop.browse(PLAIN) if each.port == 1886 for text in each.txt})
            made.reload("mdns false\nlistener 1884\n")
            self.sees(PLAIN, set())
            made.reload("mdns true\nlistener 1884\n")
            self.sees(PLAIN, self.everywhere("Bramble on pi4 (1884)", 1884))

    def test_the_end_takes_all_back(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                made = Broker(self.pi4, "mdns true\nlistener 1883\n")
                self.addCleanup(made.end)
                self.sees(PLAIN, self.everywhere())
                made.process.send_signal(how)
                made.process.wait(peers.PATIENCE)
                self.sees(PLAIN, set())

    def test_an_avahi_that_restarts_is_told_again(self):
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            self.sees(PLAIN, self.everywhere())
            for times in (2, 3):
                self.pi4.stop_avahi()
                made.logged(ABSENT, times=times - 1)
                self.sees(PLAIN, set())
                self.pi4.start_avahi()
                made.logged(ANNOUNCED, times=times)
                self.sees(PLAIN, self.everywhere())
            self.assertEqual(len(made.of_mdns()), 5)

    def test_a_bus_that_restarts_is_used_again(self):
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            self.sees(PLAIN, self.everywhere())
            self.pi4.stop_bus()
            made.logged(ABSENT)
            self.pi4.stop_avahi()
            self.pi4.start_bus()
            self.pi4.start_avahi()
            made.logged(ANNOUNCED, times=2)
            self.sees(PLAIN, self.everywhere())

    def test_without_avahi_it_serves_and_says_so_once(self):
        alone = self.machine("alone")
        with broker(alone, "mdns true\nlistener 1883\n") as made:  # no D-Bus either
            made.logged(ABSENT)
            alone.run("mosquitto_pub", "-h", "127.0.0.1", "-t", "t", "-m", "m")
            alone.start_bus()
            time_for_some_tries = time.monotonic() + 8  # a second, two, four between them
            while time.monotonic() < time_for_some_tries:
                alone.run("mosquitto_pub", "-h", "127.0.0.1", "-t", "t", "-m", "m")
            self.assertEqual(len(made.of_mdns()), 1, made.of_mdns())
            cable(alone, self.machine("other"), "eth0")
            alone.run("ip", "address", "add", "10.78.0.1/24", "dev", "eth0")
            alone.start_avahi()
            made.logged(ANNOUNCED)
            self.assertEqual(len(made.of_mdns()), 2, made.of_mdns())

    def test_a_bus_that_hangs_delays_neither_start_nor_end(self):
        self.pi4.bus.send_signal(signal.SIGSTOP)
        self.addCleanup(self.pi4.bus.send_signal, signal.SIGCONT)
        began = time.monotonic()
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            self.hears("10.77.0.1", "served")
            made.reload("mdns true\nlistener 1883\nlistener 1884\n")
            ends = time.monotonic()
            made.stop()
            self.assertLess(time.monotonic() - ends, 5)
        self.assertLess(ends - began, 10)  # D-Bus is waited for 25 s

    def test_two_brokers_of_one_port_get_two_names(self):
        self.pi4.run("ip", "address", "add", "10.77.0.3/24", "dev", "eth0")
        self.addCleanup(self.drop, "10.77.0.3/24")
        with broker(self.pi4, "mdns true\nlistener 1883 10.77.0.1\n") as one:
            one.logged(ANNOUNCED)
            with broker(self.pi4, "mdns true\nlistener 1883 10.77.0.3\naccept_protocol_versions 5\n", "second") as other:
                self.assertIn('"Bramble on pi4 #2"', other.logged(ANNOUNCED))
                both = {"Bramble on pi4", "Bramble on pi4 #2"}
                wait_for("both", lambda: {each.name for each in self.laptop.browse(PLAIN)} == both)

    def test_a_name_that_another_machine_has_is_left_to_it(self):
        self.publish(self.laptop, "Bramble on pi4")
        with broker(self.pi4, "mdns true\nlistener 1883\n") as made:
            self.assertIn('"Bramble on pi4 #2"', made.logged(ANNOUNCED))
            self.sees(PLAIN, self.everywhere("Bramble on pi4 #2"))

    def test_two_machines_of_one_name_are_both_found(self):
        twin = self.machine("pi4")
        cable(twin, self.laptop, "eth2")
        cable(twin, self.pi4, "eth3")
        for machine, address, device in ((twin, "10.77.3.1", "eth3"), (self.pi4, "10.77.3.2", "eth3"),
                                         (twin, "10.77.2.1", "eth2"), (self.laptop, "10.77.2.2", "eth2")):
            machine.run("ip", "address", "add", f"{address}/24", "dev", device)
        with broker(self.pi4, "mdns true\nlistener 1883\n") as first:
            first.logged(ANNOUNCED)
            twin.start_bus()
            with broker(twin, "mdns true\nlistener 1883\n", "twin") as second:
                second.logged(ABSENT)
                twin.start_avahi()
                self.sees_both({"10.77.0.1", "10.77.1.1"}, {"10.77.2.1"})

    def sees_both(self, *machines):
        """Which of the two Avahis takes another name is theirs to say: who has just seen the other may be either."""
        def look():
            seen = ipv4(self.laptop.browse(PLAIN))
            names = [{each.name for each in seen if each.address in addresses} for addresses in machines]
            return ({each.address for each in seen} == set().union(*machines) and
                    sorted(names, key=str) == [{"Bramble on pi4"}, {"Bramble on pi4-2"}])
        wait_for(f"two names at {machines}", look)


def main():
    why = why_not()
    if why:
        print(f"skipped: no namespaces of our own here: {why}")
        print("0 passed, 0 failed")
        return 0
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in sys.argv[1:]] or None
    result = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromTestCase(Mdns))
    return peers.counted(result)


if __name__ == "__main__":
    sys.exit(main())
