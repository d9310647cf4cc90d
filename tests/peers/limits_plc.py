#!/usr/bin/env python3
"""A PLC with limits: so many items in a subscription, and no deadbands. Temp, W1, W2, W3 and Life are plain words.

usage: limits_plc.py --items N
Prints one JSON line with its ports. Control: `temp V` sets Temp, `bad` makes it bad without another value, `step` counts Life and W1, W2,
W3 up.
"""
import argparse
import asyncio
import json
import logging

import plc_common as plc
from asyncua import Server, ua
from asyncua.server import monitored_item_service as service

NAMESPACE = "urn:limits:plc"


def limit(items):
    make = service.MonitoredItemService._create_data_change_monitored_item

    async def limited(self, params):
        refused = ua.MonitoredItemCreateResult()
        # The class that the library decodes into is another of the same name.
        if type(params.RequestedParameters.Filter).__name__ == "DataChangeFilter":
            refused.StatusCode = ua.StatusCode(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
            return refused
        if len(self._monitored_items) >= items:
            refused.StatusCode = ua.StatusCode(ua.StatusCodes.BadTooManyMonitoredItems)
            return refused
        return await make(self, params)

    service.MonitoredItemService._create_data_change_monitored_item = limited


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, required=True)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    limit(args.items)
    server = Server()
    await server.init()
    port = plc.free_port()
    server.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(NAMESPACE)
    words = {}
    for name, value in [("Temp", 20.0), ("W1", 0), ("W2", 0), ("W3", 0), ("Life", 0)]:
        words[name] = await server.nodes.objects.add_variable(ua.NodeId(name, space), name, value)

    async def temp(value):
        await words["Temp"].write_value(float(value))

    async def bad():
        old = await words["Temp"].read_data_value()
        await words["Temp"].write_value(ua.DataValue(old.Value, ua.StatusCode(ua.StatusCodes.BadSensorFailure)))

    async def step():
        for name in ("W1", "W2", "W3", "Life"):
            await words[name].write_value(await words[name].read_value() + 1)

    async with server:
        control = await plc.control(0, {"temp": temp, "bad": bad, "step": step})
        plc.up(port=port, control=control.sockets[0].getsockname()[1])
        await asyncio.Event().wait()


asyncio.run(main())
