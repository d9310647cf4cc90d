#!/usr/bin/env python3
"""An OPC UA PLC whose server looks at its words only now and then. Station GATE: a request bit, taken back when ours is set.

usage: seldom_plc.py --truth FILE [--parts N] [--look MS] [--down MS]

Reads find the words as they are; subscriptions tell what is another than at the look before. Every second part is asked for twice: when the
server has seen its bit the PLC takes it back, and sets it again for good before the server looks the next time, so that there is
nothing to tell. The truth has a line for each part: station, serial, number, value, and whether it was asked for twice. Control: `stats`.
"""
import argparse
import asyncio
import json
import logging

import plc_common as plc
from asyncua import Server, ua
from asyncua.server import monitored_item_service as service

NAMESPACE = "urn:seldom:plc"
WORDS = [("Life", 0), ("Gate.Serial", ""), ("Gate.Value", 0.0), ("Gate.No", 0), ("Gate.Req", False), ("Gate.Ack", False)]


class Looks:
    """What monitored items see."""

    def __init__(self):
        self.items, self.looked = {}, asyncio.Condition()
        self.tell = tell = service.MonitoredItemService.datachange_callback
        items = self.items

        async def changed(monitored, handle, value, error=None):
            if (monitored, handle) in items:
                items[monitored, handle][1] = value
            else:
                items[monitored, handle] = [value, value]
                await tell(monitored, handle, value, error)

        service.MonitoredItemService.datachange_callback = changed

    async def run(self, period):
        while True:
            await asyncio.sleep(period)
            for (monitored, handle), item in list(self.items.items()):
                seen, now = item
                item[0] = now
                if seen.Value != now.Value and handle in monitored._monitored_datachange:
                    await self.tell(monitored, handle, now)
            async with self.looked:
                self.looked.notify_all()

    async def next(self):
        async with self.looked:
            await self.looked.wait()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--truth", required=True)
    parser.add_argument("--parts", type=int, default=24)
    parser.add_argument("--look", type=float, default=400, help="ms between two looks of the server")
    parser.add_argument("--down", type=float, default=200, help="for how many ms a bit that is taken back is down")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    looks, truth, done = Looks(), plc.Truth(args.truth), 0
    server = Server()
    await server.init()
    port = plc.free_port()
    server.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(NAMESPACE)
    words = {}
    for name, value in WORDS:
        words[name] = await server.nodes.objects.add_variable(ua.NodeId(name, space), name, value)
    await words["Gate.Ack"].set_writable()

    async def put(name, value):
        await words[f"Gate.{name}"].write_value(value)

    async def acked(wanted):
        while await words["Gate.Ack"].read_value() != wanted:
            await asyncio.sleep(0.003)

    async def life():
        while True:
            await words["Life"].write_value(await words["Life"].read_value() + 1)
            await asyncio.sleep(0.1)

    async def gate():
        nonlocal done
        while done < args.parts:
            k = done + 1
            p = {"station": "GATE", "serial": f"GATE-{k:05d}", "number": k, "value": 50 + k / 8, "twice": k % 2 == 0, "at": plc.now_ns()}
            for name, value in (("Serial", p["serial"]), ("Value", p["value"]), ("No", k), ("Req", True)):
                await put(name, value)
            if p["twice"]:
                await looks.next()
                await put("Req", False)
                await asyncio.sleep(args.down / 1000)
                await acked(False)
                await put("Req", True)
            await acked(True)
            truth.part(p)
            done = k
            await put("Req", False)
            await acked(False)
        await asyncio.Event().wait()

    async with server:
        control = await plc.control(0, {"stats": lambda: json.dumps({"done": done})})
        plc.up(port=port, control=control.sockets[0].getsockname()[1])
        await asyncio.gather(looks.run(args.look / 1000), life(), gate())


asyncio.run(main())
