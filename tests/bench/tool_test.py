#!/usr/bin/env python3
"""bramble-bench as people call it: what it prints where, its files, its exit status, workers and a manager.
Ends with `N passed, N failed`."""
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
from load import compare  # noqa: E402

BENCH = os.path.join(compare.BIN, "bramble-bench")


def call(*words, **more):
    return subprocess.run([BENCH, *map(str, words)], capture_output=True, text=True, timeout=60, **more)


@contextlib.contextmanager
def worker():
    """A worker process on a free port of loopback; gives its address."""
    process = subprocess.Popen([BENCH, "--worker", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"at (127\.0\.0\.1:\d+)", process.stdout.readline()).group(1)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Tool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.broker, cls.port = cls.stack.enter_context(compare.running("bramble", None, None, None))
        cls.folder = cls.stack.enter_context(tempfile.TemporaryDirectory())

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def pairs(self, *words, **more):
        return call("pairs", "--port", self.port, "--pubs", 4, "--qos", 1, *words, **more)

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w") as out:
                out.write(text)
        return path

    def test_clients_keep_the_shortest_keep_alive(self):
        done = call("conn", "--port", self.port, "--clients", 20, "--keepalive", 1, "--duration", 4, "--quiet")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_speaks_tls_and_websockets(self):
        for name, words in (("bramble1-tls", ["--insecure"]), ("bramble1-ws", ["--websocket"]),
                            ("bramble1-wss", ["--websocket", "--path", "/else", "--insecure"])):
            with self.subTest(name), compare.running(name, None, None, None) as (broker, port):
                more = ("--port", port, "--pid", broker.pid, "--json", "--quiet", *words)
                for call_words in (("pairs", "--pubs", 4, "--qos", 2, "--count", 2000, "--size", 20000),
                                   ("churn", "--clients", 4, "--count", 40, "--filters", 1)):
                    done = call(*call_words, *more)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(json.loads(done.stdout)["faults"], [])
                spoken_plainly = call("pairs", "--port", port, "--pubs", 1, "--count", 1, "--quiet")
                self.assertEqual(spoken_plainly.returncode, 1, spoken_plainly.stdout)

    def test_what_is_wrong_with_tls_or_a_websocket_is_said(self):
        with compare.running("bramble1-tls", None, None, None) as (_, port):
            for words, said in ((["--tls"], "certificate does not hold: self-signed certificate; --cafile, or --insecure"),
                                (["--cafile", self.path("none")], "--cafile"),
                                (["--insecure", "--websocket"], "closed by the broker")):
                done = call("conn", "--clients", 1, "--port", port, "--quiet", "--duration", 0.1, *words)
                self.assertEqual(done.returncode, 1)
                self.assertIn(said, done.stdout + done.stderr)
        done = call("conn", "--clients", 1, "--port", self.port, "--quiet", "--duration", 0.1, "--insecure")
        self.assertEqual(done.returncode, 1)
        self.assertIn("closed by the broker", done.stdout)

    def test_quiet_json_is_one_line_that_tells_everything(self):
        done = self.pairs("--count", 500, "--username", "me", "--password", "secret", "--pid", self.broker.pid, "--json", "--quiet")
        self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", 1))
        result = json.loads(done.stdout)
        self.assertEqual((result["scenario"], result["received"], result["lost"], result["qos"]), ("pairs", 500, 0, 1))
        self.assertEqual(result["options"]["pubs"], "4")
        self.assertTrue(result["loop"].startswith("closed"))
        self.assertGreaterEqual(result["machine"]["cores"], 1)
        self.assertEqual(sum(bucket[2] for bucket in result["histogram"]), 500)
        for key in ("p50_us", "p99_us", "p9999_us", "max_us", "time", "tool", "command", "warnings", "seconds"):
            self.assertIn(key, result)
        self.assertNotIn("secret", done.stdout)

    def test_an_open_loop_says_that_it_is_corrected(self):
        result = json.loads(self.pairs("--count", 100, "--rate", 2000, "--json", "--quiet").stdout)
        self.assertEqual(result["loop"], "open, corrected for coordinated omission")
        self.assertEqual(result["overdue"], 0)

    def test_a_run_tells_a_line_a_second_where_there_is_no_terminal(self):
        done = self.pairs("--warmup", 0, "--duration", 1.5)
        self.assertRegex(done.stderr, r"(?m)^ +1 s  \w+ +in +\d+/s  out +\d+/s  p99 +[\d.]+ ms$")
        self.assertNotIn("\x1b", done.stderr)
        self.assertIn("messages delivered", done.stdout)

    def test_a_terminal_gets_a_view_that_is_redrawn_in_place(self):
        ours, theirs = pty.openpty()
        subprocess.run([BENCH, "pairs", "--port", str(self.port), "--pubs", "4", "--warmup", "0", "--duration", "2.5"],
                       stdout=subprocess.DEVNULL, stderr=theirs, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a pty
            while more := os.read(ours, 65536):
                shown += more
        os.close(ours)
        views = shown.decode().split("\x1b[J")
        self.assertGreaterEqual(len(views), 2)  # each is taken away again
        for view in views[:-1]:
            self.assertRegex(view, r"\x1b\[8A\r$")  # back to the first of its eight lines
            self.assertIn("█", view)
            self.assertIn("missing 0", view)
        self.assertEqual(views[-1], "")

    def test_a_page_is_written_and_each_step_of_a_file_has_its_own(self):
        page = self.path("out.html")
        self.assertEqual(self.pairs("--count", 100, "--report", page).returncode, 0)
        steps = self.path("steps", "one: pairs --pubs 2 --count 50\ntwo: pairs --pubs 3 --count 50\n")
        self.assertEqual(call("run", steps, "--port", self.port, "--report", page).returncode, 0)
        for name in ("out.html", "out-one.html", "out-two.html"):
            with open(self.path(name)) as file:
                self.assertIn("<svg", file.read())
        done = self.pairs("--count", 10, "--report", self.path("missing/out.html"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)

    def test_two_results_are_compared(self):
        result = json.loads(self.pairs("--count", 500, "--json", "--quiet").stdout)
        before, after = self.path("before.json", json.dumps(result)), self.path("after.json", json.dumps({**result, "lost": 7}))
        self.assertEqual(call("--compare", before, before).returncode, 0)
        worse = call("--compare", before, after)
        self.assertEqual(worse.returncode, 1)
        self.assertRegex(worse.stdout, r"(?m)^lost .* from 0  WORSE$")
        slower = self.path("slower.json", json.dumps({**result, "p99_us": result["p99_us"] * 1.5}))
        self.assertEqual(call("--compare", before, slower).returncode, 1)
        self.assertEqual(call("--compare", before, slower, "--tolerance", 60).returncode, 0)
        for wrong in ((before,), (before, after, "--tolerance", "x"), (before, self.path("none"))):
            self.assertEqual(call("--compare", *wrong).returncode, 2)

    def test_two_workers_play_one_run(self):
        with worker() as one, worker() as two:
            for _ in range(2):  # a worker takes one manager after the other
                done = self.pairs("--count", 1000, "--manager", f"{one},{two}", "--json", "--quiet")
                self.assertEqual(done.returncode, 0, done.stderr)
                result = json.loads(done.stdout)
                self.assertEqual((result["workers"], result["pubs"], result["received"], result["lost"]), (2, 4, 1000, 0))
                self.assertEqual([part["worker"] for part in result["worker_machines"]], [one, two])
            done = call("shared", "--port", self.port, "--manager", f"{one},{two}")
            self.assertEqual(done.returncode, 1)
            self.assertIn("FAULT: shared cannot be split over workers", done.stdout)

    def test_a_worker_says_that_it_asks_nobody(self):
        process = subprocess.Popen([BENCH, "--worker", "0"], stdout=subprocess.PIPE, text=True)
        said = process.stdout.readline()
        process.terminate()
        process.wait()
        process.stdout.close()
        self.assertIn("Whoever reaches this port may have this machine load any broker", said)

    def test_a_wrong_command_line_ends_with_2(self):
        for wrong in ((), ("nonsense",), ("pairs", "--nonsense"), ("--worker",), ("--worker", "x"), ("--compare", "a")):
            done = call(*wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""), wrong)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
