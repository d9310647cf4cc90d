#!/usr/bin/env python3
"""Takes the stream of the benchmark with an EWMA and a Page-Hinkley chart of river for each tag.

usage: river_charts.py VENV STREAM TAGS

VENV is made and river installed in it if it is not there. STREAM has a tag and a value a row, both as doubles. One JSON line: version, count,
seconds, busy (processor time), bytes (resident, a tag).
"""

import array
import json
import os
import subprocess
import sys
import time
import venv

RIVER = "river==0.26.1"


def main(stream: str, tags: int) -> None:
    import importlib.metadata

    from river import drift, stats

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096

    rows = array.array("d")
    with open(stream, "rb") as file:
        rows.frombytes(file.read())
    order, values = [int(tag) for tag in rows[::2]], list(rows[1::2])
    before = resident()
    # Weight 0.1 and a limit of 3.749 of its standard deviations; half a standard deviation, and ten of them, from the thirtieth
    # value on. What they say of these few values is of no interest, and is looked at as it would be.
    means = [stats.EWMean(0.1) for _ in range(tags)]
    sums = [drift.PageHinkley(min_instances=30, delta=0.5, threshold=10.0, alpha=1.0) for _ in range(tags)]
    limit, drifts = 3.749 * (0.1 / 1.9) ** 0.5, 0
    began, busy = time.monotonic(), sum(os.times()[:2])
    for tag, value in zip(order, values):
        mean = means[tag]
        mean.update(value)
        chart = sums[tag]
        chart.update(value)
        drifts += chart.drift_detected or abs(mean.get()) > limit
    took, busy = time.monotonic() - began, sum(os.times()[:2]) - busy
    said = {
        "version": importlib.metadata.version("river"),
        "count": len(values),
        "seconds": took,
        "busy": busy,
        "bytes": (resident() - before) / len(set(order)),
    }
    print(json.dumps(said), flush=True)
    # What a hundred thousand charts take to be forgotten is of no interest.
    os._exit(0)


if __name__ == "__main__":
    folder, stream, tags = sys.argv[1:4]
    python = os.path.join(folder, "bin", "python")
    done = os.path.join(folder, "done")
    if not os.path.exists(done):
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RIVER]
        subprocess.run(install, check=True)
        open(done, "w", encoding="ascii").close()
    if os.path.realpath(sys.prefix) != os.path.realpath(folder):
        os.execv(python, [python, *sys.argv])
    main(stream, int(tags))
