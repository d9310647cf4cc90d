#!/usr/bin/env python3
"""A PLC with a station for each way to ask that the press does not have: RING a ring of results, TURN a bit that is turned over, STATE a
state word, PULSE a bit that rises for a moment, BARE the same without a count. OPC UA, or with `--modbus` a Modbus TCP unit 1.

usage: patterns_plc.py --truth FILE [--modbus] [--state DIR] [--series S] [--parts N] [--port P] [--control P] [--slots N] [--cycle MS]

Each station makes N parts. TURN and STATE wait for their answer; RING waits while its ring is full, unless `careless on` lets it write
over what nobody has read. PULSE and BARE wait for nobody and make nothing before `pulse LOW HIGH` and `bare LOW HIGH`: for how many ms
their bits stand; they rest for LOW ms at least. The truth has a line `{"asked": …}` for each part before any word of it can be seen, and
one when it is done: station, serial, number, value.

Nothing is retained but the ports, in `--state`: a PLC that was killed begins its program anew, its words cleared, its numbers from 0, with
other serials.
"""
import argparse
import asyncio
import json
import logging
import os
import random

from asyncua import ua

import plc_common as plc
from plc_doors import ModbusDoor, UaDoor

NAMESPACE = "urn:shift:patterns"
T = ua.VariantType
WORDS = {
    "Life": (T.UInt32, 0), "Boot": (T.UInt32, 0),
    "Ring.Head": (T.UInt16, 65_530), "Ring.Tail": (T.UInt16, 65_530),
    "Turn.Serial": (T.String, ""), "Turn.Value": (T.Double, 0.0), "Turn.No": (T.UInt16, 0), "Turn.Req": (T.Boolean, False),
    "Turn.Ack": (T.Boolean, False), "Turn.Permit": (T.Int16, 0),
    "State.Serial": (T.String, ""), "State.Value": (T.Double, 0.0), "State.No": (T.UInt16, 0), "State.Ask": (T.Int16, 0),
    "State.Answer": (T.Int16, 0),
    "Pulse.Serial": (T.String, ""), "Pulse.Value": (T.Double, 0.0), "Pulse.No": (T.UInt16, 65_530), "Pulse.Done": (T.Boolean, False),
    "Bare.Serial": (T.String, ""), "Bare.Value": (T.Double, 0.0), "Bare.Done": (T.Boolean, False),
}
SLOT = {"Seq": (T.UInt16, 0), "Serial": (T.String, ""), "Value": (T.Double, 0.0)}
STATIONS = ("RING", "TURN", "STATE", "PULSE", "BARE")
WRITABLE = ("Ring.Tail", "Turn.Ack", "Turn.Permit", "State.Answer")
IDLE, REQUEST, DONE, ERROR = 0, 1, 4, 8


# Where the words are: (register, type), (2, bit) in the register of bits, or a coil.
PLACES = {
    "Life": (0, "u16"), "Boot": (1, "u16"), "Turn.Req": (2, 0), "Pulse.Done": (2, 1), "Bare.Done": (2, 2),
    "Ring.Head": (4, "u16"), "Ring.Tail": (5, "u16"),
    "Turn.No": (10, "u16"), "Turn.Serial": (11, "text"), "Turn.Value": (19, "f64"), "Turn.Permit": (23, "u16"), "Turn.Ack": (16, "coil"),
    "State.Ask": (30, "u16"), "State.Answer": (31, "u16"), "State.No": (32, "u16"), "State.Serial": (33, "text"), "State.Value": (41, "f64"),
    "Pulse.No": (50, "u16"), "Pulse.Serial": (51, "text"), "Pulse.Value": (59, "f64"),
    "Bare.Serial": (70, "text"), "Bare.Value": (78, "f64"),
}
SLOT_PLACES, FIRST_SLOT, STRIDE = {"Seq": (0, "u16"), "Serial": (1, "text"), "Value": (9, "f64")}, 100, 16


def of_slots(slots, each):
    return {f"Ring.Slot[{n}].{word}": each(n, word) for n in range(slots) for word in SLOT}


def door(slots, modbus):
    words = {**WORDS, **of_slots(slots, lambda _, word: SLOT[word])}
    if not modbus:
        return UaDoor(NAMESPACE, words, WRITABLE)
    place = lambda n, word: (FIRST_SLOT + STRIDE * n + SLOT_PLACES[word][0], SLOT_PLACES[word][1])
    return ModbusDoor(words, {**PLACES, **of_slots(slots, place)}, WRITABLE, FIRST_SLOT + STRIDE * slots)


class Patterns:
    def __init__(self, args):
        self.args, self.truth = args, plc.Truth(args.truth)
        self.run = self.truth.runs
        self.truth.line({"run": self.run, "at": plc.now_ns()})
        self.done = dict.fromkeys(STATIONS, 0)
        self.careless, self.paused, self.busy_seen, self.stopped = False, False, False, asyncio.Event()
        self.widths, self.rest = {}, set()
        # The first run shows that counts wrap; a program that begins anew counts from 0.
        self.first = 0 if self.run else 65_530
        self.door = door(args.slots, args.modbus)
        self.put, self.get = self.door.put, self.door.get

    async def serve(self):
        a = self.args
        port, control = plc.ports(a, f"patterns{a.series}")
        await self.door.open(port)
        for name in ("Ring.Head", "Ring.Tail", "Pulse.No"):
            await self.put(name, self.first)
        await self.put("Boot", self.run + 1)
        await self.door.serve()
        await plc.control(control, {"stats": self.stats, "stop": self.stopped.set, "careless": self.set_careless, "pause": self.pause,
                                    "pulse": self.set_width("PULSE"), "bare": self.set_width("BARE")})
        plc.up(port=port, control=control, pid=os.getpid())
        works = (self.life, self.ring, self.turn, self.state_word, self.pulse, self.bare, self.stopped.wait)
        tasks = [asyncio.create_task(work()) for work in works]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    def stats(self):
        return json.dumps({**self.done, "busy": self.busy_seen, "resting": len(self.rest)})

    def set_width(self, station):
        def command(low, high):
            self.widths[station] = (float(low), float(high))
        return command

    def set_careless(self, word):
        self.careless = plc.onoff(word)

    def pause(self, word):
        self.paused = plc.onoff(word)

    async def until(self, name, wanted):
        while True:
            value = await self.get(name)
            if wanted(value):
                return value
            await asyncio.sleep(0.003)

    async def life(self):
        n = 0
        while True:
            n += 1
            await self.put("Life", n & 0xFFFF)
            await asyncio.sleep(0.3)

    def part(self, station, number):
        """What is to be seen next: noted before it is."""
        k, run = self.done[station] + 1, f"{self.run}-" if self.run else ""
        serial = f"{station}{self.args.series}-{run}{k:05d}"
        r = random.Random(serial)
        part = {"station": station + self.args.series, "serial": serial, "number": number, "value": round(r.gauss(50, 2), 3), "at": plc.now_ns()}
        self.truth.note({"asked": part})
        return part

    def made(self, station, part):
        self.truth.part(part)
        self.done[station] += 1

    async def begins(self, station):
        """Whether there is another part to be made."""
        await asyncio.sleep(self.args.cycle / 1000)
        self.rest.add(station)
        while self.paused or (station in ("PULSE", "BARE") and station not in self.widths):
            await asyncio.sleep(0.01)
        if self.done[station] < self.args.parts:
            self.rest.discard(station)
            return True
        await asyncio.Event().wait()

    async def ring(self):
        slots, head, slot = self.args.slots, self.first, 0
        while await self.begins("RING"):
            while not self.careless and (head - await self.get("Ring.Tail")) & 0xFFFF >= slots:
                await asyncio.sleep(0.003)
            head = (head + 1) & 0xFFFF
            p = self.part("RING", head)
            # Whoever reads it meanwhile sees that there is nothing in it.
            await self.put(f"Ring.Slot[{slot}].Seq", 0)
            await self.put(f"Ring.Slot[{slot}].Serial", p["serial"])
            await self.put(f"Ring.Slot[{slot}].Value", p["value"])
            await self.put(f"Ring.Slot[{slot}].Seq", head)
            await self.put("Ring.Head", head)
            slot = (slot + 1) % slots
            self.made("RING", p)

    async def turn(self):
        side, number = False, 0
        while await self.begins("TURN"):
            side, number = not side, number + 1
            p = self.part("TURN", number)
            for word, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", number), ("Req", side)):
                await self.put(f"Turn.{word}", value)
            await self.until("Turn.Ack", lambda ack: ack == side)
            p["permit"] = await self.get("Turn.Permit")
            self.made("TURN", p)

    async def state_word(self):
        number = 0
        while await self.begins("STATE"):
            number += 1
            p = self.part("STATE", number)
            for word, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", number), ("Ask", REQUEST)):
                await self.put(f"State.{word}", value)
            p["answer"] = await self.until("State.Answer", self.answered)
            p["answered"] = plc.now_ns()
            self.made("STATE", p)
            await self.put("State.Ask", IDLE)
            await self.until("State.Answer", lambda answer: answer == IDLE)

    async def pulse(self):
        number = self.first
        while await self.begins("PULSE"):
            number = (number + 1) & 0xFFFF
            p = self.part("PULSE", number)
            await self.rise("Pulse", p, ("No", number))

    async def bare(self):
        while await self.begins("BARE"):
            await self.rise("Bare", self.part("BARE", None))

    async def rise(self, name, p, *counted):
        """The number counts in the cycle in which the bit rises."""
        station = name.upper()
        for word, value in (("Serial", p["serial"]), ("Value", p["value"]), *counted, ("Done", True)):
            await self.put(f"{name}.{word}", value)
        await asyncio.sleep(random.uniform(*self.widths[station]) / 1000)
        await self.put(f"{name}.Done", False)
        self.made(station, p)
        # That it fell has to be seen as well: else the next is no pulse, and counted only when another one comes.
        await asyncio.sleep(self.widths[station][0] / 1000)

    def answered(self, answer):
        self.busy_seen |= answer == 2
        return answer in (DONE, ERROR)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--truth", required=True)
    p.add_argument("--modbus", action="store_true")
    p.add_argument("--state", help="folder in which its ports are kept, so that it comes back at the same ones")
    p.add_argument("--series", default="", help="stands behind the names of its stations")
    p.add_argument("--parts", type=int, default=200)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--slots", type=int, default=8)
    p.add_argument("--cycle", type=float, default=5, help="ms between two parts of a station")
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def run():
        await Patterns(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
