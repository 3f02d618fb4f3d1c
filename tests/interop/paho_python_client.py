#!/usr/bin/python3
"""A conversation with Paho Python: paho_python_client.py PORT 3|4|5. Prints "ok", else what went wrong."""

import queue
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 10
PORT, VERSION = int(sys.argv[1]), int(sys.argv[2])
V5 = VERSION == mqtt.MQTTv5


def require(holds, what):
    if not holds:
        print(what)
        sys.exit(1)


class Client:
    """Connected once constructed; messages wait in a queue."""

    def __init__(self, name, will=None):
        self.messages = queue.Queue()
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self.client = mqtt.Client(name, protocol=VERSION)
        self.client.on_connect = lambda *arguments: arguments[3] == 0 and self.connected.set()
        self.client.on_subscribe = lambda *arguments: self.subscribed.set()
        self.client.on_message = lambda client, userdata, message: self.messages.put(message)
        if will:
            self.client.will_set(will, "gone", qos=1)
        self.client.connect("127.0.0.1", PORT)
        self.client.loop_start()
        require(self.connected.wait(PATIENCE), "not connected")

    def subscribe(self, topic, qos=2):
        self.subscribed.clear()
        self.client.subscribe(topic, qos)
        require(self.subscribed.wait(PATIENCE), "not subscribed")

    def publish(self, topic, payload, **more):
        info = self.client.publish(topic, payload, **more)
        info.wait_for_publish(PATIENCE)
        require(info.is_published(), "not acknowledged")

    def receive(self):
        try:
            return self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            require(False, "nothing came")

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()


def main():
    root = f"paho/python/{VERSION}/"
    client = Client(f"paho-{VERSION}")
    client.subscribe(root + "plain")
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
        client.publish(root + "plain", f"QoS {qos}", qos=qos, **more)
        message = client.receive()
        require(message.payload == f"QoS {qos}".encode(), "payload")
        require(message.qos == qos, "QoS")
        require(not message.retain, "retain")
        if V5:
            require(message.properties.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")], "User Properties")
            require(message.properties.ContentType == "text", "Content Type")
            require(message.properties.ResponseTopic == "answers", "Response Topic")
            require(message.properties.CorrelationData == b"\x00\xff", "Correlation Data")
            require(message.properties.MessageExpiryInterval <= 60, "Message Expiry Interval")

    large = bytes(range(256)) * 1000
    client.publish(root + "plain", large, qos=2)
    require(client.receive().payload == large, "large payload")

    client.publish(root + "retained", "kept", qos=1, retain=True)
    client.subscribe(root + "retained")
    require(client.receive().retain, "not retained")

    client.subscribe(root + "will")
    Client(f"paho-will-{VERSION}", will=root + "will").die()
    require(client.receive().payload == b"gone", "Will")
    client.end()
    print("ok")


main()
