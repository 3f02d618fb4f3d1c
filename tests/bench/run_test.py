#!/usr/bin/env python3
"""Tests of bench/run and its modules. Ends with `N passed, N failed`."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import charts  # noqa: E402
import machine  # noqa: E402
import results  # noqa: E402
from load import compare  # noqa: E402


def samples(column, *numbers):
    return [{column: number, "faults": [], "warnings": []} for number in numbers]


class Changes(unittest.TestCase):
    def test_a_cost_that_rises_and_a_rate_that_falls_are_worse(self):
        self.assertEqual(results.change("cpu_per_M", [1.0, 1.1], [2.0, 2.2])[1], "worse")
        self.assertEqual(results.change("delivered_per_s", [1000], [500]), (-50.0, "worse"))
        self.assertEqual(results.change("delivered_per_s", [500], [1000])[1], "better")

    def test_a_change_is_none_while_the_samples_overlap_or_it_is_small(self):
        self.assertEqual(results.change("cpu_per_M", [1.0, 1.5], [1.4, 2.0])[1], "")
        self.assertEqual(results.change("cpu_per_M", [1.0], [1.09])[1], "")

    def test_the_table_of_changes_has_what_both_runs_have(self):
        before = {"pairs": {"a": samples("p99_us", 10), "gone": samples("p99_us", 1)}}
        now = {"pairs": {"a": samples("p99_us", 20), "new": samples("p99_us", 1)}}
        text = results.changes(before, now, lambda scenario: ["p99_us"])
        self.assertIn("| pairs | a | p99_us | 10 | 20 | +100.0 % | worse |", text)
        self.assertNotIn("new", text)
        self.assertIn("none of these", results.changes({}, now, lambda scenario: ["p99_us"]))


class Tables(unittest.TestCase):
    def test_rows_are_ordered_by_the_first_column_and_tell_faults_and_warnings(self):
        by_broker = {"slow": samples("cpu_per_M", 5), "fast": samples("cpu_per_M", 1, 3), "dead": [{"error": "it died"}]}
        by_broker["slow"][0]["warnings"] = ["the generator was at its limit: 97 %"]
        lines = results.table("pairs", "pairs --pubs 50", ["cpu_per_M"], by_broker).splitlines()
        self.assertEqual([line.split(" | ")[0] for line in lines[-3:]], ["| fast", "| slow", "| dead"])
        self.assertIn("2 (1..3)", lines[-3])
        self.assertIn("the generator was at its limit", lines[-2])
        self.assertIn("it died", lines[-1])

    def test_a_stored_run_is_read_again_and_so_is_one_of_before_there_were_machines(self):
        found = {"pairs": {"a": [{"cpu_per_M": 1, "histogram": [1, 2], "faults": []}]}}
        with tempfile.TemporaryDirectory() as folder:
            for run, expected in ((results.stored({}, "x", "t", found), {"pairs": {"a": [{"cpu_per_M": 1, "faults": []}]}}),
                                  (found, found)):
                path = os.path.join(folder, "run.json")
                with open(path, "w") as out:
                    json.dump(run, out)
                self.assertEqual(results.load(path), expected)


class Charts(unittest.TestCase):
    def test_a_chart_is_well_formed_and_has_a_bar_for_each_broker_that_has_a_figure(self):
        svg = charts.bars("a <b> & c", [("p99", [("bramble", [1, 2, 3]), ("other", [9]), ("none", [])])], str)
        root = xml.etree.ElementTree.fromstring(svg)
        space = "{http://www.w3.org/2000/svg}"
        bars = [r for r in root.iter(space + "rect") if r.get("class") in ("bar", "ours")]
        self.assertEqual(len(bars), 2)
        self.assertGreater(float(bars[1].get("width")), 4 * float(bars[0].get("width")))
        words = [t.text for t in root.iter(space + "text")]
        self.assertIn("a <b> & c", words)
        self.assertIn("2 (1..3)", words)
        self.assertIn("no figure", words)


class Machine(unittest.TestCase):
    def test_a_pi_is_known_by_its_board(self):
        self.assertEqual(machine.cpu_model("processor\t: 0\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"),
                         "Raspberry Pi 4 Model B Rev 1.4")
        self.assertEqual(machine.cpu_model("model\t: 17\nmodel name\t: AMD EPYC\n"), "AMD EPYC")

    def test_throttling_is_told_in_words(self):
        self.assertEqual(machine.throttled_words("throttled=0x0\n"), [])
        self.assertEqual(machine.throttled_words("throttled=0x50005\n"),
                         ["under-voltage", "throttled", "under-voltage happened", "throttling happened"])

    def test_the_report_says_how_hot_it_was_and_whether_it_was_throttled(self):
        states = [{"temperature_c": 51.2, "throttled": []}, {"temperature_c": 63.9, "throttled": ["throttled"]}]
        self.assertEqual(results.machine_text({"cpu": "x"}, states), "cpu x; 51 to 64 °C; THROTTLED")
        self.assertIn("never throttled", results.machine_text({}, states[:1]))
        self.assertEqual(results.machine_text({"cpu": "x"}, [{}]), "cpu x")

    def test_vcgencmd_is_asked_when_there_is_one(self):
        with tempfile.TemporaryDirectory() as folder:
            fake = os.path.join(folder, "vcgencmd")
            with open(fake, "w") as out:
                out.write("#!/bin/sh\necho throttled=0x4\n")
            os.chmod(fake, 0o755)
            path = os.environ["PATH"]
            os.environ["PATH"] = f"{folder}:{path}"
            try:
                self.assertEqual(machine.state()["throttled"], ["throttled"])
            finally:
                os.environ["PATH"] = path

    def test_what_a_process_has_used_is_read(self):
        before = machine.process_use(os.getpid())
        with tempfile.TemporaryFile() as file:
            file.write(bytes(100_000))
        after = machine.process_use(os.getpid())
        self.assertGreaterEqual(after.wchar - before.wchar, 100_000)
        self.assertGreaterEqual(after.write_bytes, before.write_bytes)
        self.assertGreaterEqual(after.cpu_s, before.cpu_s)
        self.assertTrue(1 << 20 < after.rss_b < 1 << 32)


class Run(unittest.TestCase):
    def test_brokers_are_found_and_each_program_once(self):
        found = compare.found()
        self.assertIn("bramble", found)
        self.assertNotIn("bramble1", found)

    def test_a_run_writes_tables_json_and_charts_and_compares_with_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            out, markdown, pictures = (os.path.join(folder, name) for name in ("run.json", "run.md", "charts"))
            for more in ([], ["--baseline", out]):
                done = subprocess.run([os.path.join(ROOT, "bench/run"), "--broker", "bramble", "--scenarios", "pairs_q1", "--reps",
                                       "1", "--duration", "0.3", "--warmup", "0.1", "--out", out, "--markdown", markdown, "--charts",
                                       pictures, *more], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
            with open(markdown) as file:
                text = file.read()
            self.assertIn("| bramble |", text)
            self.assertIn("Changes since the baseline", text)
            self.assertIn("| pairs_q1 | bramble | cpu_per_M |", text)
            with open(out) as file:
                run = json.load(file)
            self.assertGreater(run["results"]["pairs_q1"]["bramble"][0]["delivered_per_s"], 0)
            self.assertGreaterEqual(run["machine"]["cores"], 1)
            xml.etree.ElementTree.parse(os.path.join(pictures, "pairs_q1.svg"))

    def test_a_wrong_command_line_is_refused(self):
        for wrong in (["--broker", "nonsense"], ["--broker", "bramble", "--scenarios", "nonsense"]):
            done = subprocess.run([os.path.join(ROOT, "bench/run"), *wrong], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
