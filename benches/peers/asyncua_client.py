#!/usr/bin/env python3
"""Holds a subscription on the nodes of the benchmark's server and counts the values that come.

usage: asyncua_client.py URL NODES PERIOD_MS SECONDS

One JSON line: count, seconds, cores (processor time of this process per second).
"""

import asyncio
import json
import os
import sys
import time

from asyncua import Client, ua


class Count:
    """Called by the library for every value."""

    def __init__(self):
        self.values = 0

    def datachange_notification(self, node, value, data):
        self.values += 1


async def main(url: str, nodes: int, period: int, seconds: float) -> None:
    async with Client(url, timeout=60) as client:
        index = await client.get_namespace_index("urn:bench")
        count = Count()
        subscription = await client.create_subscription(period, count)
        wanted = [client.get_node(f"ns={index};s=T{n:06}") for n in range(nodes)]
        for first in range(0, nodes, 1000):
            await subscription.subscribe_data_change(
                wanted[first : first + 1000], queuesize=10, sampling_interval=period / 2
            )
        await asyncio.sleep(2)
        count.values, began, busy = 0, time.monotonic(), sum(os.times()[:2])
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
        cores = (sum(os.times()[:2]) - busy) / took
        print(json.dumps({"count": count.values, "seconds": took, "cores": cores}), flush=True)
        # Everything that still waits is of no interest.
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
