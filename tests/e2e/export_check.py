#!/usr/bin/env python3
"""Compares an export with what the same trace's jsonl export says.

    export_check.py FORMAT REFERENCE.jsonl FILE [ALL.jsonl]

With ALL, the calls of the whole trace, those that the calls of REFERENCE made are expected too.
FORMAT is chrome, csv, folded, or what a consumer made of an export: speedscope-chrome and
speedscope-folded (its own file format), dot-svg (dot -Tsvg), mermaid-texts, svg, xmind-content
(consumers.js). All sums are made anew here. Says what differs and exits 1.
"""
import csv
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict

DEPTH_MAX = 256
NAME_MAX = 80
EXACT_MAX = 2**53
SVG = "{http://www.w3.org/2000/svg}"


def fail(text):
    sys.exit(text)


def same(what, expected, got):
    if expected == got:
        return
    if isinstance(expected, (dict, Counter)):
        for key in list(expected) + list(got):
            if expected.get(key) != got.get(key):
                fail(f"{what}: {key!r}: expected {expected.get(key)!r}, got {got.get(key)!r}"[:2000])
    fail(f"{what}: expected {expected!r}, got {got!r}"[:2000])


# What the program makes of foreign text


def is_shown(ch):
    return unicodedata.category(ch) not in ("Cc", "Cf", "Zl", "Zp")


def harmless(text):
    letters = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r"}
    return "".join(
        ch if is_shown(ch) else "".join(
            "\\" + letters.get(byte, "%03o" % byte) for byte in ch.encode())
        for ch in text)


def read_text(path):
    """jsonl has U+FFFD for each byte that is not UTF-8, the others have the byte."""
    text = open(path, newline="").read()
    for sign in ("\\", "\\\\", "\\\\\\\\", "⧵"):
        text = text.replace(f"{sign}377{sign}376{sign}303", "\ufffd" * 3)
    return text


def short(name):
    name = harmless(name)
    return name if len(name) <= NAME_MAX else name[:NAME_MAX] + "…"


def duration(ns):
    value, unit = float(ns), 0
    while value >= 999.5 and unit < 3:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {['ns', 'us', 'ms', 's'][unit]}"


# The calls, and the tree of them


class Node:
    def __init__(self):
        self.calls = self.failed = self.open = self.total = self.self = 0

    def figures(self):
        text = f"{self.calls} call{'' if self.calls == 1 else 's'}"
        if self.calls > self.open:
            text += f", {duration(self.total)}"
        if self.failed:
            text += f", {self.failed} failed"
        if self.open:
            text += f", {self.open} open"
        return text


def read_calls(path):
    return [json.loads(line) for line in open(path)]


def with_made(selected, calls):
    """Selected calls, and those that they made."""
    ids = {call["id"] for call in selected}
    kept = []
    for call in calls:
        if call["id"] in ids or call["parent"] in ids:
            ids.add(call["id"])
            kept.append(call)
    return kept


def make_tree(calls):
    tree = defaultdict(Node)
    by_id, children = {}, defaultdict(list)
    for call in calls:
        call["up"] = by_id.get(call["parent"])
        by_id[call["id"]] = call
        if call["up"]:
            children[id(call["up"])].append(call)
    for call in calls:
        up, took = call["up"], call["duration_ns"] or 0
        own = max(0, took - sum(child["duration_ns"] or 0 for child in children[id(call)]))
        is_left_out = up and (up["is_left_out"] or len(up["way"]) >= DEPTH_MAX)
        call["is_left_out"] = bool(is_left_out)
        call["way"] = up["way"] if is_left_out else (up["way"] if up else ()) + (call["function"],)
        node = tree[call["way"]]
        node.self += own
        if is_left_out:
            continue
        ret = (call["return"] or {}).get("$ret")
        node.calls += 1
        node.failed += isinstance(ret, int) and ret < 0 and is_of_libvirt(call["module"])
        node.open += call["status"] == "open"
        node.total += took
    return tree


def is_of_libvirt(module):
    """There a negative number is an error; elsewhere nothing says so."""
    return module.rsplit("/", 1)[-1].startswith(("libvirt", "virtqemud"))


def make_graph(tree):
    nodes, edges = defaultdict(Node), Counter()
    for way, node in tree.items():
        sums = nodes[way[-1]]
        sums.calls += node.calls
        sums.failed += node.failed
        sums.open += node.open
        sums.total += 0 if way[-1] in way[:-1] else node.total
        if len(way) > 1:
            edges[way[-2], way[-1]] += node.calls
    return nodes, edges


def tree_texts(calls):
    return Counter((short(way[-1]), node.figures()) for way, node in make_tree(calls).items())


# Formats


def for_doubles(value):
    if isinstance(value, dict):
        return {key: for_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [for_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT_MAX:
        return str(value)
    return value


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_time(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


CHROME_KEYS = {
    "M": {"name": str, "pid": is_int, "args": dict},
    "X": {"name": str, "pid": is_int, "tid": is_int, "ts": is_time, "dur": is_time, "args": dict},
    "B": {"name": str, "pid": is_int, "tid": is_int, "ts": is_time, "args": dict},
    "C": {"name": str, "pid": is_int, "ts": is_time, "args": dict},
}


def obeys_trace_event_format(trace):
    """What the format's description demands of events: keys and their types, names before slices."""
    named = set()
    for event in trace["traceEvents"]:
        for key, kind in CHROME_KEYS[event["ph"]].items():
            value = event.get(key)
            if not (isinstance(value, kind) if isinstance(kind, type) else kind(value)):
                fail(f"{key} of {event}"[:500])
        if event["ph"] == "M":
            same("kind of name", True, event["name"] in ("process_name", "thread_name"))
            same("a name", str, type(event["args"]["name"]))
            named.add((event["name"], event["pid"], event.get("tid")))
        elif event["ph"] == "C":
            same("numbers", True, all(type(value) in (int, float) for value in event["args"].values()))
        else:
            same("thread has a name", True, ("thread_name", event["pid"], event["tid"]) in named)


def check_chrome(calls, path):
    trace = json.load(open(path), parse_constant=lambda text: fail(f"{text} is no JSON"))
    obeys_trace_event_format(trace)
    events = [event for event in trace["traceEvents"] if event["ph"] in "XB"]
    same("calls", len(calls), len(events))
    zero = int(trace["otherData"]["ts_zero_ns"])
    for call, event in zip(calls, events):
        same("name", call["function"], event["name"])
        same("tid", call["tid"], event["tid"])
        same("ts", call["time_ns"] - zero, round(event["ts"] * 1000))
        same("phase", "B" if call["status"] == "open" else "X", event["ph"])
        if event["ph"] == "X":
            same("dur", call["duration_ns"], round(event["dur"] * 1000))
        for key in ("status", "source", "return_source", "entry", "return"):
            same(key, for_doubles(call[key]), event["args"][key])
        same("call", for_doubles(call["id"]), event["args"]["call"])
    names = [event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"]
    same("names", {call["thread"] for call in calls}, set(names[1:]))


def check_speedscope_chrome(calls, path):
    """It may leave out a call that was open, and then is without an end."""
    saved = json.load(open(path))
    opened = Counter()
    for profile in saved["profiles"]:
        for event in profile["events"]:
            name = saved["shared"]["frames"][event["frame"]]["name"]
            if event["type"] == "O" and '"status":"open"' not in name:
                opened[re.search('{"call":"?([0-9]+)', name)[1]] += 1
    same("calls", Counter(str(call["id"]) for call in calls if call["status"] != "open"), opened)


def folded_name(name):
    return harmless(name).replace(";", "\\073")


def folded_of(calls):
    ways = Counter()
    for way, node in make_tree(calls).items():
        if node.self:
            ways[tuple(folded_name(name) for name in way)] += node.self
    return ways


def check_folded(calls, path):
    got = Counter()
    for line in read_text(path).splitlines():
        way, ns = line.rsplit(" ", 1)
        got[tuple(way.split(";"))] += int(ns)
    same("ways", folded_of(calls), got)


def check_speedscope_folded(calls, path):
    saved = json.loads(read_text(path))
    got, way, last = Counter(), [], 0
    (profile,) = saved["profiles"]
    for event in profile["events"]:
        if event["at"] > last:
            got[tuple(way)] += event["at"] - last
        last = event["at"]
        if event["type"] == "O":
            way.append(saved["shared"]["frames"][event["frame"]]["name"])
        else:
            way.pop()
    # A frame without a name has another one there.
    same("ways", Counter({tuple(name or "(anonymous)" for name in way): ns
                          for way, ns in folded_of(calls).items()}),
         Counter({tuple(name or "(anonymous)" for name in way): ns for way, ns in got.items()}))


def check_dot_svg(calls, path):
    nodes, edges = make_graph(make_tree(calls))
    root = ET.fromstring(read_text(path))
    found, titles = Counter(), {}
    for group in root.iter(SVG + "g"):
        texts = [text.text or "" for text in group.findall(f".//{SVG}text")]
        title = group.findtext(SVG + "title")
        if group.get("class") == "node" and title != "note":
            name = "".join(texts[:-1]).replace("\u00a0", " ")
            found[name, texts[-1]] += 1
            titles[title] = name
    same("boxes", Counter((short(name), node.figures()) for name, node in nodes.items()), found)
    arrows = Counter()
    for group in root.iter(SVG + "g"):
        if group.get("class") == "edge":
            start, end = group.findtext(SVG + "title").split("->")
            arrows[titles[start], titles[end]] += int(group.findtext(f".//{SVG}text"))
    same("arrows", Counter({(short(a), short(b)): n for (a, b), n in edges.items()}), arrows)


def check_mermaid_texts(calls, path):
    nodes, _ = make_graph(make_tree(calls))
    got = Counter()
    for line in read_text(path).splitlines():
        name, _, figures = json.loads(line).rpartition("\n")
        if not figures.startswith("not shown: "):
            got[name, figures] += 1
    same("boxes", Counter((" ".join(short(name).replace("\\", "⧵").split()), node.figures())
                          for name, node in nodes.items()), got)


def check_svg(calls, path):
    root = ET.fromstring(read_text(path))
    got = Counter()
    for group in root.iter(SVG + "g"):
        name, small = group.findall(SVG + "text")
        got[name.text or "", small.text] += 1
    same("boxes", tree_texts(calls), got)


def check_xmind_content(calls, path):
    (sheet,) = json.loads(read_text(path))
    got, topics = Counter(), [sheet["rootTopic"]]
    while topics:
        topic = topics.pop()
        below = topic.get("children", {}).get("attached", [])
        got += Counter(tuple(item["title"].split("\n")) for item in below)
        topics += below
    same("topics", tree_texts(calls), got)


def is_number(text):
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?|-?inf|nan", text) is not None


def check_cell(what, value, cell):
    if isinstance(value, dict) and "unavailable" in value:
        same(what, f"<{value['unavailable']}>", cell)
    elif isinstance(value, bool):
        same(what, str(value).lower(), cell)
    elif isinstance(value, (int, float)):
        same(what, value, type(value)(cell))
    elif isinstance(value, str):
        text = harmless(value)
        is_formula = text[:1] in tuple("=+-@") and value not in ("-inf", "")
        same(what, "'" + text if is_formula else text, cell)


def leaves(captures):
    """Names as C has them; what is in an array, or behind a pointer, is left to other tests."""
    for name, value in captures.items():
        name = harmless(name)
        if not isinstance(value, dict):
            yield name, value
        elif not set(value) & {"unavailable", "value", "bytes", "pointer"}:
            star, rest = name[:1] == "*", name[name[:1] == "*":]
            path = f"({rest})" if rest[:1] == "*" else rest
            yield from ((f"{path}{'->' if star else '.'}{member}", item)
                        for member, item in value.items())


def check_csv(calls, path):
    text = read_text(path)
    header, *rows = csv.reader(text.splitlines(keepends=True))
    same("rows", len(calls), len(rows))
    same("columns", len(header), len(set(header)))
    for call, row in zip(calls, rows):
        same("cells", len(header), len(row))
        cells = dict(zip(header, row))
        for key in ("id", "tid", "thread", "function", "module", "source", "status"):
            check_cell(key, call[key], cells[key])
        for side in ("entry", "return"):
            for name, value in leaves(call[side] or {}):
                if f"{side}.{name}" not in cells:
                    fail(f"no column {side}.{name}")
                check_cell(name, value, cells[f"{side}.{name}"])
        for cell in row:
            if cell[:1] in tuple("=+-@\t\r") and cell and not is_number(cell):
                fail(f"a formula: {cell!r}")
            if any(not is_shown(ch) for ch in cell):
                fail(f"not harmless: {cell!r}")


def main():
    kind, reference, path, *everything = sys.argv[1:]
    calls = read_calls(reference)
    if everything and kind != "csv":
        calls = with_made(calls, read_calls(everything[0]))
    globals()["check_" + kind.replace("-", "_")](calls, path)


main()
