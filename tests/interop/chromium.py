"""A headless Chromium that a test leads by the DevTools protocol, and mqtt.js in the form that a browser can load."""

import base64
import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from peers import PATIENCE, Mosquitto, run

PAGE = Path(__file__).resolve().parent / "page"
MODULES = Path("/usr/share/nodejs")  # of Debian's node-* packages
PROGRAM = "chromium-headless-shell"
# It reaches this machine alone: what it would ask the Internet is off, and no other name is found. Root and containers
# have no sandbox for it, and little /dev/shm.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
         "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-breakpad",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1")


def missing():
    """What tools/setup --browser would install."""
    there = {"mosquitto-clients": Mosquitto.installed} | {name: shutil.which(name) for name in (PROGRAM, "esbuild")}
    there |= {f"node-{name}": (MODULES / name).exists() for name in ("mqtt", "buffer", "process", "url")}
    return [name for name, found in there.items() if not found]


def make_site(folder):
    """The page, with mqtt.js inside: Debian's package has only what Node.js runs."""
    folder.mkdir()
    shutil.copy(PAGE / "index.html", folder)
    run("esbuild", PAGE / "page.js", "--bundle", "--format=esm", f"--outfile={folder / 'page.js'}",
        "--log-level=warning", "--define:global=globalThis", f"--inject:{PAGE / 'node_globals.js'}",
        f"--alias:ws={MODULES / 'ws/browser.js'}", env={**os.environ, "NODE_PATH": str(MODULES)})


def key_digest(certificate):
    """Its public key as --ignore-certificate-errors-spki-list wants it."""
    lines = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey").splitlines()
    return base64.b64encode(hashlib.sha256(base64.b64decode("".join(lines[1:-1]))).digest()).decode()


class Chromium:
    """One browser. It reads questions from descriptor 3 and writes answers to 4, each JSON and a NUL. What nobody waits
    for yet, events above all, is kept. `certificate` is the one that it takes without knowing who signed it."""

    def __init__(self, folder, certificate):
        self.log, self.number, self.messages, self.rest = folder / "chromium.log", 0, [], b""
        questions, self.questions = os.pipe()
        self.answers, answers = os.pipe()
        more = (f"--user-data-dir={folder / 'profile'}",
                f"--ignore-certificate-errors-spki-list={key_digest(certificate)}")
        shell = ("bash", "-c", f'exec "$@" 3<&{questions} 4>&{answers}', "bash")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*shell, PROGRAM, *FLAGS, *more], stdout=log, stderr=log,
                                            pass_fds=(questions, answers), start_new_session=True,
                                            env={**os.environ, "HOME": str(folder)})
        os.close(questions)
        os.close(answers)

    def tell(self, method, session=None, **parameters):
        """The number of the answer that will come."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.questions, data):]
        return self.number

    def ask(self, method, session=None, **parameters):
        number = self.tell(method, session, **parameters)
        answer = self.take(f"answer to {method}", lambda message: message.get("id") == number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def event(self, method, session):
        self.take(method, lambda message: (message.get("method"), message.get("sessionId")) == (method, session))

    def take(self, what, wanted):
        """The first message that is wanted, waited for."""
        until = time.monotonic() + PATIENCE
        while True:
            for index, message in enumerate(self.messages):
                if wanted(message):
                    return self.messages.pop(index)
            ready, _, _ = select.select([self.answers], [], [], max(0, until - time.monotonic()))
            assert ready, f"no {what} from Chromium"
            data = os.read(self.answers, 1 << 20)
            assert data, f"Chromium has ended:\n{self.log.read_text(errors='replace')[-2000:]}"
            *whole, self.rest = (self.rest + data).split(b"\0")
            self.messages += map(json.loads, whole)

    def stop(self):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.tell("Browser.close")
            self.process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.questions)
        os.close(self.answers)


class Page:
    """A tab with what is at `url`, loaded to the end."""

    def __init__(self, browser, url):
        self.browser = browser
        self.target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.ask("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.ask("Page.enable", self.session)
        error = browser.ask("Page.navigate", self.session, url=url).get("errorText")
        assert not error, f"{url}: {error}"
        browser.event("Page.loadEventFired", self.session)

    def do(self, name, *words):
        """What that function of page.js says, after its promise."""
        return self.evaluate(f"page.{name}(...{json.dumps(words)})")

    def evaluate(self, expression):
        said = self.browser.ask("Runtime.evaluate", self.session, expression=expression, awaitPromise=True,
                                returnByValue=True)
        assert "exceptionDetails" not in said, f"{expression[:100]}: {said['result'].get('description')}"
        return said["result"].get("value")

    def resize(self, width, height):
        self.browser.ask("Emulation.setDeviceMetricsOverride", self.session, width=width, height=height,
                         deviceScaleFactor=1, mobile=False)

    def picture(self, path):
        """As a PNG."""
        path.write_bytes(base64.b64decode(self.browser.ask("Page.captureScreenshot", self.session)["data"]))

    def close(self):
        self.browser.tell("Target.closeTarget", targetId=self.target)

    def crash(self):
        """Its process ends where it stands."""
        self.browser.tell("Page.crash", self.session)
