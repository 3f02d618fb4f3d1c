"""The flow that Node-RED is given: for each link an MQTT-in and an MQTT-out node on a broker node of their own, and HTTP
nodes by which the test says what to publish and sees what came. What the picture shows is a tab before them."""

from dataclasses import dataclass

from world import PASSWORD, USER, world

KEEP_MESSAGE = """const got = flow.get('got') || []
got.push({ topic: msg.topic, payload: msg.payload, qos: msg.qos, retain: msg.retain })
flow.set('got', got)"""
KEEP_STATUS = """const all = flow.get('status') || {}
const of = all[msg.status.source.id] = all[msg.status.source.id] || []
of.push((msg.status.text || '').split('.').pop())
flow.set('status', all)"""
SEND = """const ways = Array(msg.payload.ways).fill(null)
ways[msg.payload.way] = msg.payload.message
return [msg, ...ways]"""


@dataclass
class Link:
    transport: str
    version: int
    password: str = PASSWORD

    @property
    def name(self):
        return f"nr_{self.transport}_{self.version}" + ("" if self.password == PASSWORD else "_no")


def broker_node(link):
    port, secret, web = world.ports[link.transport], link.transport in ("tls", "wss"), link.transport in ("ws", "wss")
    state = f"{link.name}/state"
    return {"id": f"broker-{link.name}", "type": "mqtt-broker", "name": f"Bramble, {link.transport}",
            "broker": world.url(link.transport) if web else "127.0.0.1", "port": "" if web else str(port),
            "usetls": secret, "tls": "tls" if secret else "", "protocolVersion": str(link.version),
            "clientid": link.name, "cleansession": False, "sessionExpiry": "60", "keepalive": "60", "autoConnect": True,
            "birthTopic": state, "birthPayload": "up", "birthQos": "1", "birthRetain": "true", "birthMsg": {},
            "closeTopic": state, "closePayload": "closed", "closeQos": "1", "closeRetain": "true", "closeMsg": {},
            "willTopic": state, "willPayload": "gone", "willQos": "2", "willRetain": "true", "willMsg": {},
            "credentials": {"user": USER, "password": link.password}}


def mqtt_in(name, broker, topic, tab, x, y, to):
    return {"id": name, "type": "mqtt in", "z": tab, "name": "", "topic": topic, "qos": "2", "datatype": "utf8",
            "broker": f"broker-{broker}", "nl": False, "rap": True, "rh": 0, "inputs": 0, "x": x, "y": y, "wires": [[to]]}


def mqtt_out(name, broker, topic, tab, x, y):
    return {"id": name, "type": "mqtt out", "z": tab, "name": "", "topic": topic, "qos": "", "retain": "",
            "broker": f"broker-{broker}", "x": x, "y": y, "wires": []}


def function(name, code, to, outputs=1):
    return {"id": name, "type": "function", "z": "test", "name": "", "func": code, "outputs": outputs, "wires": to}


def flow(links):
    ask = [("status", "get"), ("got", "get"), ("send", "post")]
    shown = links[0].name
    nodes = [
        {"id": "shown", "type": "tab", "label": "Bramble"},
        {"id": "every", "type": "inject", "z": "shown", "name": "every 5 s", "props": [{"p": "payload"}], "repeat": "5",
         "once": True, "onceDelay": 0.1, "payload": "21.5", "payloadType": "str", "x": 130, "y": 80,
         "wires": [["shown-out"]]},
        mqtt_out("shown-out", shown, "house/kitchen/temperature", "shown", 370, 80),
        mqtt_in("shown-in", shown, "house/+/temperature", "shown", 150, 180, "debug"),
        {"id": "debug", "type": "debug", "z": "shown", "name": "what comes", "active": True, "tosidebar": True,
         "complete": "payload", "x": 370, "y": 180, "wires": []},
        {"id": "test", "type": "tab", "label": "test"},
        {"id": "tls", "type": "tls-config", "name": "", "cert": "", "key": "", "ca": str(world.ca.pem), "certname": "",
         "keyname": "", "caname": "", "servername": "", "verifyservercert": True, "alpnprotocol": ""},
        *({"id": f"ask-{what}", "type": "http in", "z": "test", "url": f"/{what}", "method": method,
           "wires": [[what]]} for what, method in ask),
        {"id": "answer", "type": "http response", "z": "test", "statusCode": "", "headers": {}, "wires": []},
        function("status", "msg.payload = flow.get('status') || {}\nreturn msg", [["answer"]]),
        function("got", "msg.payload = flow.get('got') || []\nreturn msg", [["answer"]]),
        function("send", SEND, [["answer"], *([f"out-{link.name}"] for link in links)], 1 + len(links)),
        function("keep", KEEP_MESSAGE, [[]]),
        function("keep-status", KEEP_STATUS, [[]]),
        {"id": "states", "type": "status", "z": "test", "scope": [f"{way}-{link.name}" for link in links
                                                                  for way in ("in", "out")], "wires": [["keep-status"]]},
    ]
    for link in links:
        nodes += [broker_node(link), mqtt_in(f"in-{link.name}", link.name, f"{link.name}/in/#", "test", 100, 100, "keep"),
                  mqtt_out(f"out-{link.name}", link.name, "", "test", 100, 200)]
    # one that is nowhere would be taken for a configuration
    return [{"x": 100, "y": 100, **node} if node.get("z") else node for node in nodes]
