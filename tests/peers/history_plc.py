#!/usr/bin/env python3
"""A PLC that keeps a history of one word: Temp is 20, from the command `hot` on 90, from `cool` on 20 again, ten
times a second.

usage: history_plc.py
Prints one JSON line with its ports. Control: `hot N`, `cool N`; each answers `ok` when N such values are kept.
"""
import asyncio
import json
import logging

import plc_common as plc
from asyncua import Server, ua

NAMESPACE = "urn:history:plc"


async def main():
    logging.disable(logging.CRITICAL)
    server = Server()
    await server.init()
    port = plc.free_port()
    server.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(NAMESPACE)
    temp = await server.nodes.objects.add_variable(ua.NodeId("Temp", space), "Temp", 20.0)
    level, changed = [20.0, 0], asyncio.Condition()

    async def answer(reader, writer):
        command, count = (await reader.readline()).decode().split()
        async with changed:
            level[:] = [{"hot": 90.0, "cool": 20.0}[command], 0]
            await changed.wait_for(lambda: level[1] >= int(count))
        writer.write(b"ok\n")
        await writer.drain()
        writer.close()

    control = await asyncio.start_server(answer, plc.HOST, 0)
    async with server:
        await server.historize_node_data_change(temp, period=None, count=10_000)
        print(json.dumps({"port": port, "control": control.sockets[0].getsockname()[1]}), flush=True)
        tick = 0
        while True:
            tick += 1
            async with changed:
                await temp.write_value(level[0] + (tick % 7) * 0.1)
                level[1] += 1
                changed.notify_all()
            await asyncio.sleep(0.1)


asyncio.run(main())
