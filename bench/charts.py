"""Bar charts as SVG, with nothing but the standard library."""
import statistics
from html import escape

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; } .title { font-weight: 600; font-size: 14px; }
.quiet { fill: #656d76; } .back { fill: #ffffff; } .bar { fill: #1f66d1; } .ours { fill: #d1690d; }
.spread { stroke: #1f2328; stroke-width: 1.5; } .axis { stroke: #d9dde1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8ea; } .quiet { fill: #9aa3ab; } .back { fill: #14171a; } .bar { fill: #77aaff; } .ours { fill: #ffab5e; }
  .spread { stroke: #e6e8ea; } .axis { stroke: #363c42; } }
"""
NAMES, BARS, VALUES, ROW = 110, 320, 190, 24  # pixels: names left of the bars, values right of them; height of a row


def text(x, y, words, style="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def bar_row(y, name, numbers, scale, shown):
    """A bar to the median, a line from the lowest to the highest, and both in words."""
    out = [text(NAMES - 8, y + 16, name, anchor="end")]
    if not numbers:
        return out + [text(NAMES + 6, y + 16, "no figure", "quiet")]
    middle, low, high = statistics.median(numbers), min(numbers), max(numbers)
    style = "ours" if name.startswith("bramble") else "bar"
    out.append(f'<rect class="{style}" x="{NAMES}" y="{y + 4}" width="{max(middle * scale, 1):.1f}" height="{ROW - 8}" rx="2"/>')
    words = shown(middle)
    if len(numbers) > 1:
        out.append(f'<line class="spread" x1="{NAMES + low * scale:.1f}" y1="{y + ROW / 2}" '
                   f'x2="{NAMES + high * scale:.1f}" y2="{y + ROW / 2}"/>')
        words += f" ({shown(low)}..{shown(high)})"
    return out + [text(NAMES + high * scale + 8, y + 16, words, "quiet")]


def bars(title, panels, shown):
    """panels: [(what, [(name, numbers)])], one below the other, each on a scale of its own from 0."""
    width = NAMES + BARS + VALUES
    out, y = [text(12, 24, title, "title")], 40
    for what, rows in panels:
        out.append(text(NAMES, y + 14, what, "quiet"))
        y += 20
        most = max((max(numbers) for _, numbers in rows if numbers), default=0)
        out.append(f'<line class="axis" x1="{NAMES}" y1="{y}" x2="{NAMES}" y2="{y + ROW * len(rows)}"/>')
        for name, numbers in rows:
            out += bar_row(y, name, numbers, BARS / most if most > 0 else 0, shown)
            y += ROW
        y += 14
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}">'
            f"<style>{STYLE}</style>\n<rect class=\"back\" width=\"{width}\" height=\"{y}\"/>\n" + "\n".join(out) + "\n</svg>\n")
