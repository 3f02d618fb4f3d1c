#!/usr/bin/python3
"""mqtt.js in a browser: headless Chromium loads a page from the broker's own http_dir, and the page talks MQTT over
WebSockets with mosquitto's clients, which come by TCP.

    tests/interop/browser.py [NAME ...]

NAME chooses tests, as unittest knows them: Origins. BRAMBLE_BIN is the broker's binary; without it
build/release/bin/bramble. tools/setup --browser installs what this needs; without that it fails. Ends with
`N passed, N failed`.
"""

import hashlib
import os
import sys
import tempfile
import unittest
from pathlib import Path

import chromium
from chromium import Chromium, Page
from peers import Authority, Broker, Mosquitto, counted, write_users

# Lengths that a frame gives in one byte, two and eight.
PAYLOADS = (b"", b"short", bytes(range(256)), *(hashlib.shake_128(b"long").digest(size) for size in (20_000, 200_000)))


class World:
    """A browser and two brokers, one of which lets in only the other's pages. Made once."""

    def __init__(self, folder):
        self.site = folder / "site"
        chromium.make_site(self.site)
        certificate, key = Authority(folder, "ours").sign("server", "/CN=localhost", names="DNS:localhost,IP:127.0.0.1")
        write_users(folder / "users", anna="secret")
        self.payloads = [folder / f"payload-{len(payload)}" for payload in PAYLOADS]
        for path, payload in zip(self.payloads, PAYLOADS):
            path.write_bytes(payload)
        web = f"protocol websockets\nhttp_dir {self.site}\n"
        tls = f"certfile {certificate}\nkeyfile {key}\n"
        users = f"allow_anonymous false\npassword_file {folder / 'users'}\n"
        self.broker = Broker(folder, [("tcp", ""), ("ws", web), ("wss", web + tls), ("ws_users", web + users)])
        self.ports = self.broker.ports
        origins = f"websockets_origin http://{self.at('ws')}\nwebsockets_origin https://{self.at('wss')}\n"
        self.guarded = Broker(folder, [("ws_guarded", web + origins), ("wss_guarded", web + origins + tls)])
        self.ports |= self.guarded.ports
        self.mosquitto = Mosquitto("-p", self.ports["tcp"])
        self.browser = Chromium(folder, certificate)

    def at(self, listener, host="localhost"):
        return f"{host}:{self.ports[listener]}"

    def stop(self):
        """What was wrong at the end."""
        self.browser.stop()
        for broker in (self.broker, self.guarded):
            try:
                broker.stop()
            except AssertionError as error:
                yield error


world = None


class Case(unittest.TestCase):
    def page(self, listener, host="localhost"):
        scheme = "https" if listener.startswith("wss") else "http"
        page = Page(world.browser, f"{scheme}://{world.at(listener, host)}/")
        self.addCleanup(page.close)
        return page

    def connect(self, page, listener, version, **options):
        """The code of the CONNACK, or "closed"."""
        scheme = "wss" if listener.startswith("wss") else "ws"
        options.setdefault("clientId", self.id())
        return page.do("connect", f"{scheme}://{world.at(listener)}/mqtt", version, options)


class Conversations:
    """What holds over each transport and for each version of MQTT."""

    def connected(self, **options):
        page = self.page(self.listener)
        self.assertEqual(self.connect(page, self.listener, self.version, **options), 0)
        return page

    def hear(self, qos, count, meanwhile):
        return world.mosquitto.hear(self.id(), qos, count, meanwhile)

    def test_what_the_page_publishes_comes_to_mosquitto_sub(self):
        page = self.connected()
        for qos in (0, 1, 2):
            def publish():
                for payload in PAYLOADS:
                    page.do("publish", self.id(), payload.hex(), {"qos": qos})
            self.assertEqual(self.hear(qos, len(PAYLOADS), publish), [(qos, False, payload) for payload in PAYLOADS])

    def test_what_mosquitto_pub_publishes_comes_to_the_page(self):
        page = self.connected()
        self.assertEqual(page.do("subscribe", self.id(), 2), 2)
        for qos in (0, 1, 2):
            for path in world.payloads:
                world.mosquitto.publish(self.id(), path, qos)
                got = page.do("receive")
                self.assertEqual((got["topic"], got["qos"], got["retain"]), (self.id(), qos, False))
                self.assertEqual(bytes.fromhex(got["payload"]), path.read_bytes())

    def test_what_the_page_publishes_retained_is_there_for_a_later_mosquitto_sub(self):
        self.connected().do("publish", self.id(), b"kept".hex(), {"qos": 1, "retain": True})
        self.assertEqual(self.hear(1, 1, lambda: None), [(1, True, b"kept")])

    def test_what_mosquitto_pub_publishes_retained_is_there_for_a_later_page(self):
        world.mosquitto.publish(self.id(), world.payloads[2], 1, "-r")
        page = self.connected()
        page.do("subscribe", self.id(), 1)
        got = page.do("receive")
        self.assertEqual((got["payload"], got["qos"], got["retain"]), (PAYLOADS[2].hex(), 1, True))

    def dying(self):
        return self.connected(will={"topic": self.id(), "payload": "gone", "qos": 1})

    def test_the_will_of_a_page_that_is_closed_comes(self):
        self.assertEqual(self.hear(1, 1, self.dying().close), [(1, False, b"gone")])

    def test_the_will_of_a_page_whose_process_crashes_comes(self):
        self.assertEqual(self.hear(1, 1, self.dying().crash), [(1, False, b"gone")])

    def test_the_will_of_a_page_that_disconnects_does_not_come(self):
        page, since = self.dying(), world.broker.mark()

        def leave():
            page.do("end")
            page.close()
            world.broker.logged(rf"Client {self.id()} .*disconnected\.", since)
            world.mosquitto.publish(self.id(), world.payloads[1], 1)
        self.assertEqual(self.hear(1, 1, leave), [(1, False, PAYLOADS[1])])


class Ws311(Conversations, Case):
    listener, version = "ws", 4


class Ws5(Conversations, Case):
    listener, version = "ws", 5


class Wss311(Conversations, Case):
    listener, version = "wss", 4


class Wss5(Conversations, Case):
    listener, version = "wss", 5


class Version5(Case):
    def subscribed(self, **options):
        page = self.page("ws")
        self.assertEqual(self.connect(page, "ws", 5, **options), 0)
        page.do("subscribe", f"{self.id()}/#", 1)
        return page

    def test_user_properties_go_both_ways(self):
        page = self.subscribed()
        page.do("publish", self.id(), "", {"properties": {"userProperties": {"from": "page"}}})
        self.assertEqual(page.do("receive")["properties"]["userProperties"], {"from": "page"})
        more = ("-V", "5", "-D", "publish", "user-property", "from", "tcp")
        world.mosquitto.publish(self.id(), world.payloads[1], 1, *more)
        self.assertEqual(page.do("receive")["properties"]["userProperties"], {"from": "tcp"})

    def test_a_page_that_takes_topic_aliases_sees_the_topics(self):
        page = self.subscribed(topicAliasMaximum=2)
        topics = [f"{self.id()}/{number}" for number in (1, 2, 3, 1, 2, 3)]
        for topic in topics:
            world.mosquitto.publish(topic, world.payloads[1], 1)
        got = [page.do("receive") for _ in topics]
        self.assertEqual([each["topic"] for each in got], topics)
        self.assertEqual([each["properties"].get("topicAlias") for each in got], [1, 2, None, 1, 2, None])


class Passwords(Case):
    def told(self, version, **login):
        return self.connect(self.page("ws"), "ws_users", version, **login)

    def test_the_right_password_gets_a_page_in(self):
        for version in (4, 5):
            self.assertEqual(self.told(version, username="anna", password="secret"), 0)

    def test_a_page_without_it_is_told_the_return_code(self):
        for login in ({}, {"username": "anna", "password": "wrong"}, {"username": "ben", "password": "secret"}):
            for version, not_authorized in ((4, 5), (5, 0x87)):
                self.assertEqual(self.told(version, **login), not_authorized, login)


class Origins(Case):
    """The browser says which page opens a WebSocket, whatever the page would like it to say."""

    def test_pages_from_where_websockets_origin_names_get_in(self):
        for site in ("ws", "wss"):
            for listener in ("ws_guarded", "wss_guarded"):
                self.assertEqual(self.connect(self.page(site), listener, 4), 0, (site, listener))

    def test_pages_from_elsewhere_do_not(self):
        # Another host, another port; not even the listener's own.
        for site in (("ws", "127.0.0.1"), ("wss", "127.0.0.1"), ("ws_users", "localhost"), ("ws_guarded", "localhost")):
            for listener in ("ws_guarded", "wss_guarded"):
                since = world.guarded.mark()
                self.assertEqual(self.connect(self.page(*site), listener, 4), "closed", (site, listener))
                world.guarded.logged("websockets_origin does not name", since)

    def test_without_websockets_origin_all_do(self):
        for site in (("ws", "127.0.0.1"), ("wss_guarded", "localhost")):
            self.assertEqual(self.connect(self.page(*site), "ws", 4), 0, site)


class Site(Case):
    def test_the_browser_is_told_what_a_file_is(self):
        page = self.page("ws")
        self.assertEqual(page.evaluate("document.contentType"), "text/html")
        # A module of another type the browser would not have run.
        self.assertIn("javascript", page.do("get", "page.js")["type"])

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.page("ws").do("get", "none")["status"], 404)

    def test_a_file_that_the_browser_has_is_sent_again_only_when_it_has_changed(self):
        page, file, head = self.page("ws"), world.site / "news", 300
        for text in ("old", "newer"):
            file.write_text(text)
            for sent in (len(text), 0):
                got = page.do("get", "news")
                self.assertEqual((got["status"], got["text"], got["bytes"]), (200, text, head + sent))


def main():
    global world
    if absent := chromium.missing():
        print(f"not installed: {', '.join(absent)}; tools/setup --browser does it", "0 passed, 1 failed", sep="\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="bramble-browser-", ignore_cleanup_errors=True) as folder:
        world = World(Path(folder))
        try:
            result = unittest.main(exit=False, verbosity=int(os.environ.get("VERBOSE", "0")), warnings="ignore").result
        finally:
            faults = list(world.stop())
        for fault in faults:
            print(fault)
    return counted(result, len(faults))


if __name__ == "__main__":
    sys.exit(main())
