#!/usr/bin/env python3
"""Kettles K1, K2, …: an OPC UA PLC without any handshake. A batch is told from the state of its kettle alone.

usage: kettle_plc.py --truth FILE [--state DIR] [--kettles N] [--port P] [--control P] [--cook MS] [--seed N]

A batch: its code is written, the state goes to 1 and, after the cooking, back to 0; a moment later the count goes up. Nobody is waited
for. The truth has a line `{"asked": …}` for each batch before it can be seen that it begins, and before it can be seen that it ends, and one
when it is counted: kettle, batch, begin and end by the clock of the PLC.

Nothing is retained but the ports, in `--state`: a PLC that was killed begins its program anew, its words cleared, its counts from 0, with
other batches. The truth has a line for each run.
"""
import argparse
import asyncio
import datetime as dt
import logging
import os
import random

from asyncua import Server, ua

import plc_common as plc

NAMESPACE = "urn:shift:kettles"
T = ua.VariantType
WORDS = {"State": (T.Int32, 0), "Batch": (T.String, ""), "Temp": (T.Double, 20.0), "Count": (T.UInt32, 0)}


class Kettles:
    def __init__(self, args):
        self.args, self.truth = args, plc.Truth(args.truth)
        self.run = self.truth.runs
        self.truth.line({"run": self.run, "at": plc.now_ns()})
        self.paused, self.cooking, self.done, self.stopped = False, 0, 0, asyncio.Event()

    async def serve(self):
        a = self.args
        port, control = plc.ports(a, "kettles")
        s = self.server = Server()
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
        s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        ns = await s.register_namespace(NAMESPACE)
        self.nodes = {}
        await self.add(ns, "Life", T.UInt32, 0)
        await self.add(ns, "Boot", T.UInt32, self.run + 1)
        for k in range(1, a.kettles + 1):
            for word, (kind, value) in WORDS.items():
                await self.add(ns, f"K{k}.{word}", kind, value)
        await s.start()
        await plc.control(control, {"pause": self.pause, "stop": self.stopped.set,
                                    "stats": lambda: f'{{"cooking": {self.cooking}, "done": {self.done}}}'})
        plc.up(port=port, control=control, pid=os.getpid())
        tasks = [asyncio.create_task(self.life()), asyncio.create_task(self.stopped.wait())]
        tasks += [asyncio.create_task(self.kettle(k)) for k in range(1, a.kettles + 1)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    def pause(self, word):
        self.paused = plc.onoff(word)

    async def add(self, ns, name, kind, value):
        node = await self.server.nodes.objects.add_variable(ua.NodeId(name, ns), ua.QualifiedName(name, ns), value, kind)
        self.nodes[name] = (node.nodeid, kind)
        await self.put(name, value)

    async def put(self, name, value, at=None):
        node, kind = self.nodes[name]
        at = at or dt.datetime.now(dt.timezone.utc)
        await self.server.write_attribute_value(node, ua.DataValue(ua.Variant(value, kind), SourceTimestamp=at, ServerTimestamp=at))

    def note(self, batch, word):
        """What is to be seen next, and when: noted before it is."""
        at = dt.datetime.now(dt.timezone.utc)
        batch[word] = round(at.timestamp() * 1_000_000) * 1_000
        self.truth.note({"asked": batch})
        return at

    async def life(self):
        n = 0
        while True:
            n += 1
            await self.put("Life", n)
            await asyncio.sleep(0.5)

    async def kettle(self, k):
        r, n, run = random.Random(self.args.seed * 100 + k), 0, f"{self.run}-" if self.run else ""
        while True:
            await asyncio.sleep(r.uniform(0.2, 0.6))
            while self.paused:
                await asyncio.sleep(0.01)
            n += 1
            self.cooking += 1
            batch = {"kettle": f"K{k}", "serial": f"K{k}-{run}B{n:05d}"}
            await self.put(f"K{k}.Batch", batch["serial"])
            await self.put(f"K{k}.State", 1, self.note(batch, "t_begin"))
            for _ in range(r.randrange(3, 9)):
                await asyncio.sleep(self.args.cook / 1000 / 6)
                await self.put(f"K{k}.Temp", round(r.gauss(80, 2), 2))
            await self.put(f"K{k}.State", 0, self.note(batch, "t_end"))
            await asyncio.sleep(0.05)
            await self.put(f"K{k}.Count", n)
            self.truth.line(batch)
            self.cooking -= 1
            self.done += 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--truth", required=True)
    p.add_argument("--state", help="folder in which its ports are kept, so that it comes back at the same ones")
    p.add_argument("--kettles", type=int, default=3)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--cook", type=float, default=900, help="ms that a batch cooks, about")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)

    async def run():
        await Kettles(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
