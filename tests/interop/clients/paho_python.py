#!/usr/bin/python3
"""A conversation with Paho Python: paho_python.py URL 3|4|5 NAME. conversations.py has what it says."""

import os
import queue
import socket
import sys
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 10
URL, VERSION, NAME = urlsplit(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
V5 = VERSION == mqtt.MQTTv5


def require(holds, what):
    if not holds:
        print(what, flush=True)
        os._exit(1)  # whatever other threads are at


class Client:
    """Its CONNACK has come once it is constructed; messages wait in a queue."""

    def __init__(self, suffix, will=None, keep=False, password=os.environ["MQTT_PASSWORD"]):
        self.messages, self.connacks, self.subscribed = queue.Queue(), queue.Queue(), threading.Event()
        how = {"clean_session": not keep} if not V5 else {}
        self.client = mqtt.Client(NAME + suffix, protocol=VERSION,
                                  transport="websockets" if URL.path else "tcp", **how)
        self.client.on_connect = lambda client, userdata, flags, code, *_: self.connacks.put((flags, code))
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = lambda client, userdata, message: self.messages.put(message)
        self.client.username_pw_set(os.environ["MQTT_USER"], password)
        if URL.scheme in ("mqtts", "wss"):
            self.client.tls_set(os.environ["MQTT_CA"])
        if will:
            self.client.will_set(will, "gone", qos=1)
        more = {}
        if V5:
            more = {"clean_start": not keep, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = 60 if keep else 0
        self.client.connect(URL.hostname, URL.port, **more)
        self.client.loop_start()
        flags, code = self.connacks.get(timeout=PATIENCE)
        self.present, self.code = flags["session present"], code.value if V5 else code

    def subscribe(self, topic):
        self.subscribed.clear()
        self.client.subscribe(topic, 2)
        require(self.subscribed.wait(PATIENCE), "not subscribed")

    def publish(self, topic, payload, **more):
        info = self.client.publish(topic, payload, **more)
        info.wait_for_publish(PATIENCE)
        require(info.is_published(), "not acknowledged")

    def receive(self, payload, qos, retain=False):
        try:
            message = self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            require(False, "nothing came")
        got = (message.payload, message.qos, message.retain)
        require(got == (payload, qos, retain), f"{got} for {payload}")
        return message

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        self.client.loop_stop()
        below = socket.socket(fileno=os.dup(self.client.socket().fileno()))  # TLS and WebSocket would say good-bye
        below.shutdown(socket.SHUT_RDWR)


def is_refused():
    refused = Client("_no", password="wrong")
    require(refused.code == (0x87 if V5 else 5), f"code {refused.code} for a wrong password")
    refused.end()


def exchanges(client):
    topic = NAME + "/plain"
    client.subscribe(topic)
    for qos in (0, 1, 2):
        more = {}
        if V5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
            properties.ContentType = "text"
            properties.ResponseTopic = "answers"
            properties.CorrelationData = b"\x00\xff"
            properties.MessageExpiryInterval = 60
            more["properties"] = properties
        client.publish(topic, f"QoS {qos}", qos=qos, **more)
        message = client.receive(f"QoS {qos}".encode(), qos)
        if V5:
            require(message.properties.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")], "User Properties")
            require(message.properties.ContentType == "text", "Content Type")
            require(message.properties.ResponseTopic == "answers", "Response Topic")
            require(message.properties.CorrelationData == b"\x00\xff", "Correlation Data")
            require(message.properties.MessageExpiryInterval <= 60, "Message Expiry Interval")
    large = bytes(range(256)) * 1000
    client.publish(topic, large, qos=2)
    client.receive(large, 2)


def retains(client):
    client.publish(NAME + "/retained", "kept", qos=1, retain=True)
    client.subscribe(NAME + "/retained")
    client.receive(b"kept", 1, True)


def leaves_its_will(client):
    client.subscribe(NAME + "/will")
    Client("_w", will=NAME + "/will").die()
    client.receive(b"gone", 1)


def keeps_its_session(client):
    away = Client("_s", keep=True)
    away.subscribe(NAME + "/session")
    away.end()
    for qos in (1, 2):
        client.publish(NAME + "/session", f"away {qos}", qos=qos)
    back = Client("_s", keep=True)
    require(VERSION == 3 or back.present, "no session present")
    for qos in (1, 2):
        back.receive(f"away {qos}".encode(), qos)
    back.end()


def main():
    is_refused()
    print("refused")
    client = Client("")
    require(client.code == 0, f"code {client.code}")
    for step, check in {"qos": exchanges, "retained": retains, "will": leaves_its_will,
                        "session": keeps_its_session}.items():
        check(client)
        print(step)
    client.end()


main()
