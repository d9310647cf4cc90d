#!/usr/bin/env python3
"""A PLC that floods: words W1, W2, … hold texts of some length that all change together, round by round, faster than anybody can keep.

usage: flood_plc.py --truth FILE [--words N] [--len BYTES] [--every MS]

The text of a round begins with its number, and has the round's time. The truth has a line `{"round": N, "at": NS}` for each, written before it
is shown. Life counts up twice a second whatever comes; `{"beat": N, "at": NS}`. Control: `flood on|off`, `stats`.
"""
import argparse
import asyncio
import datetime
import json
import logging

import plc_common as plc
from asyncua import Server, ua

NAMESPACE = "urn:flood:plc"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moment():
    """This moment, as a server says it and in nanoseconds: both to the microsecond."""
    at = datetime.datetime.now(datetime.timezone.utc)
    return at, ((at - EPOCH) // datetime.timedelta(microseconds=1)) * 1000


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--truth", required=True)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--len", type=int, default=8192)
    parser.add_argument("--every", type=int, default=25)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    server = Server()
    await server.init()
    port = plc.free_port()
    server.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(NAMESPACE)

    async def add(name, value):
        return await server.nodes.objects.add_variable(ua.NodeId(name, space), name, value)

    life = await add("Life", 0)
    words = [await add(f"W{n}", "") for n in range(1, args.words + 1)]
    on, rounds = asyncio.Event(), 0

    truth = open(args.truth, "a", encoding="utf-8")

    async def show(what, number, where, value):
        at, ns = moment()
        truth.write(f'{{"{what}": {number}, "at": {ns}}}\n')
        truth.flush()
        shown = ua.DataValue(value, SourceTimestamp=at, ServerTimestamp=at)
        for word in where:
            await server.write_attribute_value(word.nodeid, shown)

    async def flood():
        nonlocal rounds
        while True:
            await on.wait()
            rounds += 1
            text = f"{rounds:08d}".ljust(args.len, "x")
            await show("round", rounds, words, ua.Variant(text, ua.VariantType.String))
            await asyncio.sleep(args.every / 1000)

    async def beat():
        beats = 0
        while True:
            beats += 1
            await show("beat", beats, [life], ua.Variant(beats, ua.VariantType.Int64))
            await asyncio.sleep(0.5)

    async def command(word):
        on.set() if word == "on" else on.clear()

    async def stats():
        return json.dumps({"rounds": rounds, "words": len(words)})

    async with server:
        control = await plc.control(0, {"flood": command, "stats": stats})
        plc.up(port=port, control=control.sockets[0].getsockname()[1])
        await asyncio.gather(flood(), beat())


asyncio.run(main())
