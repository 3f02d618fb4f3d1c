"""Results of bench/run: {scenario: {broker: [sample]}}, a sample being the JSON of one bramble-bench. As markdown tables,
and compared with those of an earlier run."""
import json
import statistics

import charts
from load import compare

BULKY = ("histogram", "seconds", "machine", "options")  # of a sample; told once, or only by bramble-bench itself
NOISE = 10  # percent: smaller changes of a median are none, whatever the spread


def higher_is_better(column):
    return column.endswith("_per_s")


def values(samples, column):
    return [s[column] for s in samples if "error" not in s and column in s]


def cell(numbers):
    """The median, with the lowest and the highest if there were several."""
    return compare.cell(numbers) if numbers else "-"


def said(samples):
    """Faults, and of warnings what comes before the figures in them."""
    faults = {fault for s in samples for fault in s.get("faults", []) + ([s["error"]] if "error" in s else [])}
    warnings = {warning.split(":")[0] for s in samples for warning in s.get("warnings", [])}
    return "; ".join(sorted(faults)[:3] + sorted(warnings))


def table(scenario, arguments, columns, by_broker):
    """One scenario; rows ordered by the first column, the best first."""
    lines = [f"\n**{scenario}** (`{arguments}`)\n", "| broker | " + " | ".join(columns) + " | faults and warnings |",
             "|---" * (len(columns) + 2) + "|"]
    rows = []
    for broker, samples in by_broker.items():
        first = values(samples, columns[0])
        order = statistics.median(first) if first else float("inf")
        cells = [cell(values(samples, column)) for column in columns]
        rows.append((order, f"| {broker} | " + " | ".join(cells) + f" | {said(samples)[:200]} |"))
    return "\n".join(lines + [row for _, row in sorted(rows)])


def change(column, before, after):
    """(percent of the medians, word): better or worse if it is more than noise and the samples do not overlap."""
    was, now = statistics.median(before), statistics.median(after)
    if was == 0:
        return (0.0, "") if now == 0 else (float("inf"), "worse" if not higher_is_better(column) else "better")
    percent = (now - was) / abs(was) * 100
    apart = min(after) > max(before) or max(after) < min(before)
    if abs(percent) <= NOISE or not apart:
        return percent, ""
    return percent, "better" if (percent > 0) == higher_is_better(column) else "worse"


def changes(baseline, results, columns_of):
    """Markdown: what both runs have, and how it changed."""
    lines = ["\n**Changes since the baseline** (medians; better or worse only where the samples of the two do not overlap)\n",
             "| scenario | broker | figure | before | now | change | |", "|---|---|---|---|---|---|---|"]
    for scenario, by_broker in results.items():
        for broker, samples in by_broker.items():
            for column in columns_of(scenario):
                before = values(baseline.get(scenario, {}).get(broker, []), column)
                after = values(samples, column)
                if not before or not after:
                    continue
                percent, word = change(column, before, after)
                lines.append(f"| {scenario} | {broker} | {column} | {cell(before)} | {cell(after)} | {percent:+.1f} % | {word} |")
    return "\n".join(lines) if len(lines) > 3 else "\nThe baseline has none of these scenarios and brokers."


def machine_text(machine, states):
    """What it ran on, and what became of its temperature meanwhile."""
    text = ", ".join(f"{name} {value}" for name, value in machine.items())
    if degrees := [s["temperature_c"] for s in states if "temperature_c" in s]:
        text += f"; {min(degrees):.0f} to {max(degrees):.0f} °C"
    if clocks := [s["mhz"] for s in states if "mhz" in s]:
        text += f"; {min(clocks):.0f} to {max(clocks):.0f} MHz"
    told = [s["throttled"] for s in states if "throttled" in s]
    if told:
        words = sorted({word for words in told for word in words})
        text += "; " + (", ".join(words).upper() if words else "never throttled")
    return text


def stored(machine, command, time, results):
    """What --out writes and load() reads."""
    slim = {scenario: {broker: [{k: v for k, v in s.items() if k not in BULKY} for s in samples]
                       for broker, samples in by_broker.items()} for scenario, by_broker in results.items()}
    return {"machine": machine, "command": command, "time": time, "results": slim}


def load(path):
    """The results of a stored run; of older ones too, which are nothing but the results."""
    with open(path) as file:
        run = json.load(file)
    return run["results"] if "results" in run else run


def chart(scenario, arguments, columns, by_broker):
    """One scenario as SVG: a panel for each column, a bar for each broker."""
    panels = [(column, [(broker, values(samples, column)) for broker, samples in by_broker.items()]) for column in columns]
    return charts.bars(f"{scenario}: {arguments}", panels, compare.fmt)
