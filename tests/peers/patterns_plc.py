#!/usr/bin/env python3
"""An OPC UA PLC with a station for each way to ask that the press does not have: RING a ring of results, TURN a bit that is turned
over, STATE a state word, PULSE a bit that rises for a moment.

usage: patterns_plc.py --truth FILE [--parts N] [--port P] [--control P] [--slots N] [--cycle MS]

Each station makes N parts. TURN and STATE wait for their answer; RING waits while its ring is full, unless `careless on` lets it write
over what nobody has read. PULSE waits for nobody and makes nothing before `pulse LOW HIGH`: for how many ms its bit stands. The truth has
a line for each part: station, serial, number, value.
"""
import argparse
import asyncio
import datetime as dt
import json
import logging
import os
import random

from asyncua import Server, ua
from asyncua.server.user_managers import User, UserRole

import plc_common as plc

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
}
WRITABLE = ("Ring.Tail", "Turn.Ack", "Turn.Permit", "State.Answer")
IDLE, REQUEST, DONE, ERROR = 0, 1, 4, 8


class Anybody:
    """Every client is an ordinary user, so that only the writable words can be written."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User)


class Patterns:
    def __init__(self, args):
        self.args, self.truth = args, plc.Truth(args.truth)
        self.done = {"RING": 0, "TURN": 0, "STATE": 0, "PULSE": 0}
        self.careless, self.paused, self.busy_seen, self.stopped = False, False, False, asyncio.Event()
        self.width, self.rest = None, set()

    async def serve(self):
        a = self.args
        port, control = a.port or plc.free_port(), a.control or plc.free_port()
        s = self.server = Server(user_manager=Anybody())
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
        s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        s.set_identity_tokens([ua.AnonymousIdentityToken])
        ns = await s.register_namespace(NAMESPACE)
        self.nodes, self.kinds = {}, {}
        for name, (kind, value) in WORDS.items():
            await self.add(ns, name, kind, value)
        for slot in range(a.slots):
            for word, kind, value in (("Seq", T.UInt16, 0), ("Serial", T.String, ""), ("Value", T.Double, 0.0)):
                await self.add(ns, f"Ring.Slot[{slot}].{word}", kind, value)
        for name in WRITABLE:
            await self.nodes[name].set_writable()
        await self.put("Boot", random.randrange(1, 1_000_000))
        await s.start()
        await plc.control(control, {"stats": self.stats, "stop": self.stopped.set, "careless": self.set_careless, "pause": self.pause,
                                    "pulse": self.set_pulse})
        plc.up(port=port, control=control, pid=os.getpid())
        tasks = [asyncio.create_task(t()) for t in (self.life, self.ring, self.turn, self.state, self.pulse, self.stopped.wait)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    def stats(self):
        return json.dumps({**self.done, "busy": self.busy_seen, "resting": len(self.rest)})

    def set_pulse(self, low, high):
        self.width = (float(low), float(high))

    def set_careless(self, word):
        self.careless = plc.onoff(word)

    def pause(self, word):
        self.paused = plc.onoff(word)

    async def add(self, ns, name, kind, value):
        node = await self.server.nodes.objects.add_variable(ua.NodeId(name, ns), ua.QualifiedName(name, ns), value, kind)
        self.nodes[name], self.kinds[name] = node, kind
        await self.put(name, value)

    async def put(self, name, value):
        at = dt.datetime.now(dt.timezone.utc)
        value = ua.DataValue(ua.Variant(value, self.kinds[name]), SourceTimestamp=at, ServerTimestamp=at)
        await self.server.write_attribute_value(self.nodes[name].nodeid, value)

    async def get(self, name):
        return await self.nodes[name].read_value()

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
            await self.put("Life", n)
            await asyncio.sleep(0.3)

    def part(self, station, number):
        k = self.done[station] + 1
        r = random.Random(f"{station}{k}")
        return {"station": station, "serial": f"{station}-{k:05d}", "number": number, "value": round(r.gauss(50, 2), 3), "at": plc.now_ns()}

    def made(self, part):
        self.truth.part(part)
        self.done[part["station"]] += 1

    async def begins(self, station):
        """Whether there is another part to be made."""
        await asyncio.sleep(self.args.cycle / 1000)
        self.rest.add(station)
        while self.paused or (station == "PULSE" and not self.width):
            await asyncio.sleep(0.01)
        if self.done[station] < self.args.parts:
            self.rest.discard(station)
            return True
        await asyncio.Event().wait()

    async def ring(self):
        slots, head, slot = self.args.slots, 65_530, 0
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
            self.made(p)

    async def turn(self):
        side, number = False, 0
        while await self.begins("TURN"):
            side, number = not side, number + 1
            p = self.part("TURN", number)
            for word, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", number), ("Req", side)):
                await self.put(f"Turn.{word}", value)
            await self.until("Turn.Ack", lambda ack: ack == side)
            p["permit"] = await self.get("Turn.Permit")
            self.made(p)

    async def state(self):
        number = 0
        while await self.begins("STATE"):
            number += 1
            p = self.part("STATE", number)
            for word, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", number), ("Ask", REQUEST)):
                await self.put(f"State.{word}", value)
            p["answer"] = await self.until("State.Answer", self.answered)
            self.made(p)
            await self.put("State.Ask", IDLE)
            await self.until("State.Answer", lambda answer: answer == IDLE)

    async def pulse(self):
        number = 65_530
        while await self.begins("PULSE"):
            number = (number + 1) & 0xFFFF
            p = self.part("PULSE", number)
            for word, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", number), ("Done", True)):
                await self.put(f"Pulse.{word}", value)
            await asyncio.sleep(random.uniform(*self.width) / 1000)
            await self.put("Pulse.Done", False)
            self.made(p)

    def answered(self, answer):
        self.busy_seen |= answer == 2
        return answer in (DONE, ERROR)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--truth", required=True)
    p.add_argument("--parts", type=int, default=200)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--slots", type=int, default=8)
    p.add_argument("--cycle", type=float, default=5, help="ms between two parts of a station")
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)

    async def run():
        await Patterns(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
