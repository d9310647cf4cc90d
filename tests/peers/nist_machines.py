#!/usr/bin/env python3
"""Two machine tools, replayed from the NIST recordings: Hurco02 (the box) and Hurco04 (plates and covers).

usage: nist_machines.py [--data DIR] [--hurco02 P] [--hurco04 P] [--control P] [--rate N] [--speed F] [--pause S] [--wait go|subscribed|none]
                        [--bridge-counts]

Two OPC UA servers in one process, security None. SourceTimestamp is that of the file, to its 100 ns; receive time is now. Lines without a
value are left out. The replay begins when both machines have monitored items and none came for a second, or with `go`; every change is in
the order of its time, both machines together, no faster than --rate changes a second. With --speed F the distances of the file, divided by
F and cut to one second, are kept as well. Where a machine was idle for more than a minute it really pauses, for --pause seconds.
"""
import argparse
import asyncio
import datetime as dt
import json
import logging
import os
import random
import time

from asyncua import Server, ua
from asyncua.server.user_managers import User, UserRole

import nist_truth
import plc_common as plc

NAMESPACE, IDLE = "urn:nist:hurco", 60 * 10**9
TEXTS = ("Program_Status", "Program_Name_Running", "Program_Name_Editing")
ITEMS = TEXTS + ("Part_Count", "Block_Number", "Feed_Rate", "Spindle_Speed", "Current_Tool", "Feed_Override", "Rapid_Override",
                 "Spindle_Override", "Program_Runtime_Seconds", "Spindle_Time")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


class Exact(dt.datetime):
    """A datetime that remembers its 100 ns ticks: Python's own ends at 1 µs, an OPC UA DateTime does not."""

    @classmethod
    def of(cls, ns):
        at = EPOCH + dt.timedelta(microseconds=ns // 1_000)
        exact = cls(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=dt.timezone.utc)
        exact.ticks = ua.uatypes.EPOCH_AS_FILETIME + ns // 100
        return exact

    def __deepcopy__(self, _memo):
        return self


def exact_times():
    """Let asyncua send the ticks of an `Exact`."""
    plain = ua.datetime_to_win_epoch
    ua.datetime_to_win_epoch = lambda at: at.ticks if isinstance(at, Exact) else plain(at)


def kind(item):
    return ua.VariantType.String if item in TEXTS else ua.VariantType.UInt32 if item == "Part_Count" else ua.VariantType.Double


def read(item, text):
    return text if item in TEXTS else int(float(text)) if item == "Part_Count" else float(text)


class Anybody:
    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User)


class Machine:
    def __init__(self, name, rows, port, bridge):
        self.name, self.rows, self.port = name, rows, port or plc.free_port()
        self.nodes, self.boot, self.sent = {}, random.randrange(1, 2**31), 0
        self.count = next(read(i, v) for _, i, v, _ in rows if i == "Part_Count") - 1
        if bridge:
            self.rows = self.bridged()

    def bridged(self):
        """The parts made between the recordings: the count moves on in the idle gap, 1 ms before the machine is heard again."""
        out, count, gap, working = [], self.count, None, False
        for i, row in enumerate(self.rows):
            if i and not working and row[0] - self.rows[i - 1][0] > IDLE:
                gap = (len(out), row[0])
            if row[1] == "Program_Status":
                working = row[2] in nist_truth.WORKING
            if row[1] == "Part_Count":
                if (new := read(*row[1:3])) > count + 1 and gap:
                    out.insert(gap[0], (gap[1] - 10**6, "Part_Count", str(new - 1), "bridge"))
                count = new
            out.append(row)
        return out

    async def start(self):
        s = self.server = Server(user_manager=Anybody())
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{self.port}/")
        s.set_server_name(self.name)
        await s.set_application_uri(f"{NAMESPACE}:{self.name}")
        s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        s.set_identity_tokens([ua.AnonymousIdentityToken])
        ns = await s.register_namespace(NAMESPACE)
        top = await s.nodes.objects.add_object(ua.NodeId(self.name, ns), ua.QualifiedName(self.name, ns))
        before = self.rows[0][0] - 10**6
        for item in (*ITEMS, "Boot"):
            first = {"Part_Count": self.count, "Boot": self.boot}.get(item, "" if item in TEXTS else 0.0)
            node = await top.add_variable(ua.NodeId(f"{self.name}.{item}", ns), ua.QualifiedName(item, ns), first,
                                          ua.VariantType.UInt32 if item == "Boot" else kind(item))
            self.nodes[item] = node.nodeid
            if item != "Boot":
                await self.put(before, item, first)
        await s.start()

    async def put(self, ns, item, value):
        now = dt.datetime.now(dt.timezone.utc)
        value = ua.DataValue(ua.Variant(value, kind(item)), ua.StatusCode(ua.StatusCodes.Good), SourceTimestamp=Exact.of(ns), ServerTimestamp=now)
        await self.server.write_attribute_value(self.nodes[item], value)

    def watched(self):
        subscriptions = self.server.iserver.subscription_service.subscriptions.values()
        return sum(len(s.monitored_item_srv._monitored_items) for s in subscriptions)


async def serve(a):
    exact_times()
    ports = {"Hurco02": a.hurco02, "Hurco04": a.hurco04}
    machines = [Machine(m, [(ns, i, v, s) for ns, i, v, s in nist_truth.load(a.data, m)], ports[m], a.bridge_counts) for m in sorted(ports)]
    go, stop, pause = asyncio.Event(), asyncio.Event(), {"on": False}
    state = {"phase": "starting", "sent": 0, "late": 0.0}

    def set_pause(word):
        pause["on"] = plc.onoff(word)

    def stats():
        return json.dumps({**state, **{m.name: {"port": m.port, "watched": m.watched(), "sent": m.sent, "of": len(m.rows)} for m in machines}})

    for m in machines:
        await m.start()
    control = a.control or plc.free_port()
    await plc.control(control, {"go": go.set, "stop": stop.set, "stats": stats, "pause": set_pause})
    plc.up(control=control, pid=os.getpid(), **{m.name.lower(): m.port for m in machines}, boot={m.name: m.boot for m in machines},
           lines={m.name: len(m.rows) for m in machines})

    async def subscribed():
        seen, since = None, time.monotonic()
        while True:
            counts = [m.watched() for m in machines]
            if counts != seen or not all(counts):
                seen, since = counts, time.monotonic()
            elif time.monotonic() - since >= 1.0:
                return
            await asyncio.sleep(0.05)

    async def replay():
        state["phase"] = "waiting"
        starts = [asyncio.create_task(go.wait())]
        if a.wait == "subscribed":
            starts.append(asyncio.create_task(subscribed()))
        if a.wait != "none":
            await asyncio.wait(starts, return_when=asyncio.FIRST_COMPLETED)
        state["phase"] = "replaying"
        rows = sorted(((ns, n, i, item, value) for n, m in enumerate(machines) for i, (ns, item, value, _) in enumerate(m.rows)), key=lambda r: r[:3])
        due, before, last, owed = 0.0, rows[0][0], [None] * len(machines), [0.0] * len(machines)
        begin = started = time.monotonic()
        for ns, n, _, item, value in rows:
            due += 1 / a.rate
            if a.speed:
                due = max(due, due - 1 / a.rate + min((ns - before) / 1e9 / a.speed, 1.0))
            if last[n] is not None and ns - last[n] > IDLE:
                due = max(due, owed[n] + a.pause)
            before, last[n], owed[n] = ns, ns, due
            while pause["on"]:
                paused = time.monotonic()
                await asyncio.sleep(0.02)
                begin += time.monotonic() - paused
            if (ahead := begin + due - time.monotonic()) > 0.002:
                await asyncio.sleep(ahead)
            elif ahead < -0.05:  # too slow for this rate: move on from here instead of a burst
                state["late"] -= ahead
                begin -= ahead
                await asyncio.sleep(0)
            await machines[n].put(ns, item, read(item, value))
            machines[n].sent += 1
            state["sent"] += 1
            if state["sent"] % 50 == 0:
                await asyncio.sleep(0)
        state["phase"] = "end"
        print(json.dumps({"end": True, "sent": state["sent"], "seconds": round(time.monotonic() - started, 3)}), flush=True)

    task, ended = asyncio.create_task(replay()), asyncio.create_task(stop.wait())
    await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    await ended
    os._exit(0)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("--data", default=os.path.join(here, "..", "data", "nist", "parts"))
    p.add_argument("--hurco02", type=int, default=0)
    p.add_argument("--hurco04", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--rate", type=float, default=2_000, help="changes a second, both machines together")
    p.add_argument("--speed", type=float, default=0, help="keep the distances of the file, this many times as fast; 0 = rate only")
    p.add_argument("--pause", type=float, default=1.0, help="seconds of real pause where a machine was idle for more than a minute")
    p.add_argument("--wait", choices=("go", "subscribed", "none"), default="subscribed")
    p.add_argument("--bridge-counts", action="store_true",
                   help="show the parts that were made between the recordings, so that no count jumps at the end of an operation")
    logging.basicConfig(level=logging.CRITICAL)

    async def run():
        await serve(p.parse_args())

    asyncio.run(run())


if __name__ == "__main__":
    main()
