#!/usr/bin/env python3
"""Two PLCs of a line whose units travel on carriers: `--side load` (OPC UA, station LOAD) puts a unit on a carrier, `--side weld` (Modbus TCP,
unit 1, stations WELD and UNLOAD) works on it and takes it off, and knows the carrier only.

usage: carrier_plc.py --side load|weld --truth FILE --feed FILE [--state DIR] [--carriers N] [--port P] [--control P] [--cycle MS]

What stands between the two are the carriers: each side reads the truth of the other, `--feed`, as it grows. A line
{"asked": …} (handshake, ask, number, carrier, unit, serial, at) is there before any word of a request can be seen, {"answered": ASK} when it
was answered, {"given_up": ASK} when LOAD waits no longer (`patience MS`), {"cut_off": ASK} when it was asked and the power failed, {"gone": CARRIER} when a carrier leaves LOAD, {"back": CARRIER} when it
comes back, without anything on it.

Every fifth unit has no label that can be read at LOAD; every tenth is scanned by hand there.

Nothing is retained but the ports, in `--state`: a PLC that was killed begins its program anew, its words cleared, its numbers from 0. The
units that stood at its stations are taken off by hand, and nobody is told.
"""
import argparse
import asyncio
import json
import logging
import os
import time

from asyncua import ua

import plc_common as plc
from plc_doors import ModbusDoor, UaDoor

T = ua.VariantType
NAMESPACE = "urn:shift:carriers"
COMMON = {"Life": (T.UInt32, 0), "Boot": (T.UInt32, 0)}
REQUEST = {"No": (T.UInt32, 0), "Ack": (T.UInt32, 0), "Carrier": (T.String, ""), "Ask": (T.UInt32, 0)}
LOAD = {**COMMON, **{f"{of}.{word}": known for of in ("On", "Scan") for word, known in {**REQUEST, "Serial": (T.String, "")}.items()}}
WELD = {**COMMON, "Weld.Req": (T.Boolean, False), **{f"{of}.{word}": known for of in ("Weld", "Out") for word, known in REQUEST.items()}}
PLACES = {
    "Life": (0, "u16"), "Boot": (1, "u16"), "Weld.Req": (2, 0),
    "Weld.No": (10, "u16"), "Weld.Carrier": (11, "text"), "Weld.Ask": (19, "u32"), "Weld.Ack": (16, "coil"),
    "Out.No": (30, "u16"), "Out.Carrier": (31, "text"), "Out.Ask": (39, "u32"), "Out.Ack": (41, "u16"),
}
# Names of requests: those of different runs and sides differ.
OF_A_RUN, OF_A_SIDE = 1_000_000, {"load": 0, "weld": 500_000}


class Lines:
    """A truth that another PLC, or an earlier run, wrote: read as it grows."""

    def __init__(self, path):
        self.path, self.at = path, 0

    def read(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as f:
            f.seek(self.at)
            raw = f.read()
        raw = raw[: raw.rfind(b"\n") + 1]
        self.at += len(raw)
        return [json.loads(line) for line in raw.splitlines()]


class Side:
    """What both have: words, requests, a truth."""

    def __init__(self, args, door):
        self.args, self.truth = args, plc.Truth(args.truth)
        self.before, self.feed = Lines(args.truth).read(), Lines(args.feed)
        self.run = self.truth.runs
        self.truth.line({"run": self.run, "at": plc.now_ns()})
        for ask in self.open():
            self.truth.line({"cut_off": ask})
        self.door, self.put, self.get = door, door.put, door.get
        self.asks, self.paused, self.patience, self.stopped = OF_A_SIDE[args.side], False, None, asyncio.Event()
        self.numbers = {}

    def open(self):
        """What was asked when the power failed."""
        ends = {row[end] for row in self.before for end in ("answered", "given_up", "cut_off") if end in row}
        return [row["asked"]["ask"] for row in self.before if "asked" in row and row["asked"]["ask"] not in ends]

    async def serve(self):
        port, control = plc.ports(self.args, self.args.side)
        await self.door.open(port)
        await self.put("Boot", self.run + 1)
        await self.door.serve()
        await plc.control(control, {"stats": self.stats, "pause": self.pause, "patience": self.wait_for, "stop": self.stopped.set})
        plc.up(port=port, control=control, pid=os.getpid())
        tasks = [asyncio.create_task(work()) for work in (self.life, *self.works(), self.stopped.wait)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    def pause(self, word):
        self.paused = plc.onoff(word)

    def wait_for(self, word):
        self.patience = None if word == "off" else float(word) / 1000

    async def life(self):
        n = 0
        while True:
            n += 1
            await self.put("Life", n & 0xFFFF)
            await asyncio.sleep(0.3)

    async def ask(self, of, unit, carrier, words):
        """A request: its words, then its number. Whether it was answered."""
        self.asks += 1
        number = self.numbers[of] = self.numbers.get(of, 0) + 1
        ask = self.run * OF_A_RUN + self.asks
        serial = f"CU-{unit:05d}"
        self.truth.note({"asked": {"handshake": of.lower(), "ask": ask, "number": number, "carrier": carrier, "unit": unit, "serial": serial, "at": plc.now_ns()}})
        for word, value in {"Carrier": carrier, "Ask": ask, **words, "No": number}.items():
            await self.put(f"{of}.{word}", value)
        answered = await (self.by_bit if f"{of}.Req" in self.door.words else self.by_number)(of, number)
        self.truth.note({"answered" if answered else "given_up": ask, "at": plc.now_ns()})
        return answered

    async def by_number(self, of, number):
        began = time.monotonic()
        while await self.get(f"{of}.Ack") != number:
            if self.patience is not None and time.monotonic() - began > self.patience:
                return False
            await asyncio.sleep(0.003)
        return True

    async def by_bit(self, of, _number):
        for side in (True, False):
            await self.put(f"{of}.Req", side)
            while bool(await self.get(f"{of}.Ack")) != side:
                await asyncio.sleep(0.003)
        return True


class Load(Side):
    def __init__(self, args):
        super().__init__(args, UaDoor(NAMESPACE, LOAD, ("On.Ack", "Scan.Ack")))
        self.units = max((row["asked"]["unit"] for row in self.before if "asked" in row), default=0)
        self.rests = False
        # By carrier, how often it left and came back.
        self.left, self.came = {}, {}
        for row in self.before:
            if "gone" in row:
                self.left[row["gone"]] = self.left.get(row["gone"], 0) + 1

    def works(self):
        return (self.load,)

    def stats(self):
        return json.dumps({"units": self.units, "rests": self.rests})

    def free(self):
        """A carrier that stands here, nothing on it."""
        for row in self.feed.read():
            if "back" in row:
                self.came[row["back"]] = self.came.get(row["back"], 0) + 1
        names = (f"T{n}" for n in range(self.args.carriers))
        here = [name for name in names if self.left.get(name, 0) == self.came.get(name, 0)]
        return min(here, key=lambda name: self.left.get(name, 0), default=None)

    async def load(self):
        while True:
            await asyncio.sleep(self.args.cycle / 1000)
            carrier = self.free()
            self.rests = self.paused
            if self.paused or not carrier:
                continue
            self.units += 1
            k = self.units
            label = "" if k % 5 == 0 else f"CU-{k:05d}"
            if await self.ask("On", k, carrier, {"Serial": label}) and k % 10 == 0:
                await self.ask("Scan", k, carrier, {"Serial": f"CU-{k:05d}"})
            self.left[carrier] = self.left.get(carrier, 0) + 1
            self.truth.line({"gone": carrier, "unit": k, "serial": f"CU-{k:05d}"})


class Weld(Side):
    def __init__(self, args):
        super().__init__(args, ModbusDoor(WELD, PLACES, ("Weld.Ack", "Out.Ack"), 64))
        self.came, self.welded, self.here = asyncio.Queue(), asyncio.Queue(), 0
        back = {row["unit"] for row in self.before if "back" in row}
        # Who stood at a station when the power failed; who had not come yet comes again.
        self.done = set(back)
        for row in self.before:
            if "asked" in row and row["asked"]["unit"] not in self.done:
                self.done.add(row["asked"]["unit"])
                self.leave(row["asked"]["carrier"], row["asked"]["unit"], by_hand=True)

    def works(self):
        return (self.arrive, self.weld, self.unload)

    def stats(self):
        return json.dumps({"here": self.here, "seen": len(self.done)})

    def leave(self, carrier, unit, **more):
        self.truth.line({"back": carrier, "unit": unit, "serial": f"CU-{unit:05d}", **more})

    async def arrive(self):
        while True:
            await asyncio.sleep(0.02)
            for row in self.feed.read():
                if "gone" in row and row["unit"] not in self.done:
                    self.done.add(row["unit"])
                    self.here += 1
                    await self.came.put((row["gone"], row["unit"]))

    async def weld(self):
        while True:
            carrier, unit = await self.came.get()
            await asyncio.sleep(self.args.cycle / 1000)
            await self.ask("Weld", unit, carrier, {})
            await self.welded.put((carrier, unit))

    async def unload(self):
        while True:
            carrier, unit = await self.welded.get()
            await asyncio.sleep(self.args.cycle / 1000)
            await self.ask("Out", unit, carrier, {})
            self.leave(carrier, unit)
            self.here -= 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--side", choices=("load", "weld"), required=True)
    p.add_argument("--truth", required=True)
    p.add_argument("--feed", required=True, help="the truth of the other side")
    p.add_argument("--state", help="folder in which its ports are kept, so that it comes back at the same ones")
    p.add_argument("--carriers", type=int, default=5)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--cycle", type=float, default=60, help="ms between two units of a station")
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def run():
        await (Load(args) if args.side == "load" else Weld(args)).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
