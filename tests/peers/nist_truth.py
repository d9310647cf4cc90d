#!/usr/bin/env python3
"""What really happened in the NIST recordings, computed straight from the files and from nothing else.

usage: nist_truth.py [--data DIR] [--out FILE] [--orders FILE] [--summary]

All files of a machine are one timeline, ordered by time; lines with equal times keep their order in the file. An operation is a
maximal interval in which Program_Status is ACTIVE, FEED_HOLD or PROGRAM_STOPPED, split where Program_Name_Running changes, save for a
change within 2 s of its beginning, which names it. Intervals under 5 s are dropped. An operation is confirmed when Part_Count rises
within 2 s after its end. Lines without a value are skipped. Before its first line a number is 0, a text is empty and
Part_Count is its first value less one.
"""
import argparse
import bisect
import calendar
import csv
import json
import os
import re
import sys

WORKING = ("ACTIVE", "FEED_HOLD", "PROGRAM_STOPPED")
NAMING, IGNORE, CONFIRM = 2 * 10**9, 5 * 10**9, 2 * 10**9
RECORD = ("Feed_Rate", "Spindle_Speed")
MACHINES = {"Hurco02": ("box",), "Hurco04": ("plate", "cover")}
LINE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{7})Z\|(\w+)\|(.+)$")


def load(folder, machine):
    """The timeline of one machine: (ns, item, value, serial)."""
    rows = []
    for name in sorted(os.listdir(folder)):
        stem, ext = os.path.splitext(name)
        if ext != ".txt" or stem.split("-")[0] not in MACHINES[machine]:
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for i, line in enumerate(f):
                if m := LINE.match(line.rstrip("\r\n")):
                    *clock, fraction, item, value = m.groups()
                    ns = calendar.timegm(tuple(map(int, clock))) * 10**9 + int(fraction) * 100
                    rows.append((ns, stem, i, item, value))
    rows.sort(key=lambda r: r[:3])
    return [(ns, item, value, stem) for ns, stem, _, item, value in rows]


class Series:
    """The values of one item in time."""

    def __init__(self, rows, item, number):
        self.at = [ns for ns, i, _, _ in rows if i == item]
        self.value = [float(v) if number else v for _, i, v, _ in rows if i == item]
        self.first = 0.0 if number else ""

    def before(self, t):
        """In force just before t."""
        i = bisect.bisect_left(self.at, t)
        return self.value[i - 1] if i else self.first

    def until(self, t):
        """In force at t, changes at t included."""
        i = bisect.bisect_right(self.at, t)
        return self.value[i - 1] if i else self.first

    def within(self, begin, end):
        lo, hi = bisect.bisect_left(self.at, begin), bisect.bisect_right(self.at, end)
        return list(zip(self.at[lo:hi], self.value[lo:hi]))


def statistics(series, begin, end):
    changes = series.within(begin, end)
    values = [v for _, v in changes]
    repeats, in_force = 0, series.before(begin)
    area, t, v = 0.0, begin, in_force
    for at, value in changes:
        repeats += value == v
        area, t, v = area + v * (at - t), at, value
    area += v * (end - t)
    return {"n": len(values), "repeats": repeats, "in_force_at_begin": in_force, "min": min(values, default=None), "max": max(values, default=None),
            "mean": sum(values) / len(values) if values else None, "time_weighted_mean": area / (end - begin) if end > begin else None}


def tools(series, begin, end):
    """Stretches of one tool: (tool, from, to)."""
    out = [[series.before(begin), begin, end]]
    for at, tool in series.within(begin, end):
        if tool != out[-1][0]:
            if at == out[-1][1]:  # changed at its very beginning: it was never in force
                out[-1][0] = tool
                if len(out) > 1 and out[-2][0] == tool:
                    out.pop()
                    out[-1][2] = end
            else:
                out[-1][2] = at
                out.append([tool, at, end])
    return out


def intervals(rows):
    """(begin, end, program, serial, how it ended)."""
    names = Series(rows, "Program_Name_Running", False)
    out, begin, serial, program, status = [], None, None, "", ""
    for ns, item, value, stem in rows:
        if item == "Program_Status":
            if value in WORKING and begin is None:
                begin, serial, program = ns, stem, names.until(ns)
            elif value not in WORKING and begin is not None:
                out.append((begin, ns, program, serial, value))
                begin = None
            status = value
        elif item == "Program_Name_Running" and begin is not None and value != program:
            if ns - begin > NAMING:
                out.append((begin, ns, program, serial, "program changed"))
                begin, serial = ns, stem
            program = value
    if begin is not None:
        out.append((begin, rows[-1][0], program, serial, "end of recording in " + status))
    return out


def operations(rows, machine):
    counts, tool = Series(rows, "Part_Count", True), Series(rows, "Current_Tool", True)
    series = {name: Series(rows, name, True) for name in RECORD}
    counts.first = counts.value[0] - 1  # the first count of all is a rise by one
    confirmed, unconfirmed, short = [], [], []
    for begin, end, program, serial, ended in intervals(rows):
        row = {"machine": machine, "station": machine.upper(), "serial": serial, "program": program, "begin": begin, "end": end,
               "seconds": (end - begin) / 1e9, "ended": ended}
        if end - begin < IGNORE:
            short.append(row)
            continue
        was = counts.before(end)
        rise = next(((at, v) for at, v in counts.within(end, end + CONFIRM) if v > was), None)
        if not rise:
            later = next(((at, v) for at, v in zip(counts.at, counts.value) if at > end), None)
            unconfirmed.append({**row, "next_count_after_seconds": (later[0] - end) / 1e9 if later else None})
            continue
        stretches = tools(tool, begin, end)
        by = {}
        for t, a, b in stretches:
            by.setdefault(t, []).append((a, b))
        row.update(part_count=int(rise[1]), count_step=int(rise[1] - was), count_at=rise[0], tools=[t for t, _, _ in stretches],
                   statistics={n: statistics(s, begin, end) for n, s in series.items()},
                   stretches=[{"tool": t, "begin": a, "end": b, "statistics": {n: statistics(s, a, b) for n, s in series.items()}} for t, a, b in stretches],
                   changes=sum(begin <= r[0] <= end for r in rows))
        confirmed.append(row)
    return confirmed, unconfirmed, short


def main():
    p = argparse.ArgumentParser()
    here = os.path.dirname(os.path.abspath(__file__))
    p.add_argument("--data", default=os.path.join(here, "..", "data", "nist", "parts"))
    p.add_argument("--out", default="-")
    p.add_argument("--orders", help="write the order of work: station,program,serial")
    p.add_argument("--summary", action="store_true", help="a table instead of JSON")
    a = p.parse_args()
    truth = {"operations": [], "unconfirmed": [], "short": []}
    for machine in sorted(MACHINES):
        for key, rows in zip(truth, operations(load(a.data, machine), machine)):
            truth[key] += rows
    if a.orders:
        with open(a.orders, "w", encoding="utf-8", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(("station", "program", "serial"))
            w.writerows((o["station"], o["program"], o["serial"]) for o in truth["operations"])
    if a.summary:
        for key, rows in truth.items():
            print(f"{key}: {len(rows)}")
            for r in rows:
                print(f"  {r['station']} {r['serial']:9} {r['program']:36} {r['seconds']:9.3f} s  {r.get('part_count', '-'):>5} (+{r.get('count_step', '-')})"
                      f"  tools {len(r.get('tools', ''))}  {r['ended']} {r.get('next_count_after_seconds', '')}")
        return
    with (sys.stdout if a.out == "-" else open(a.out, "w", encoding="utf-8")) as f:
        json.dump(truth, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
