#!/usr/bin/env python3
"""Reads one register after the other of the benchmark's server and counts the answers.

usage: pymodbus_client.py PORT SECONDS

One JSON line: count, seconds, cores (processor time of this process per second).
"""

import asyncio
import json
import os
import sys
import time

from pymodbus.client import AsyncModbusTcpClient


async def main(port: int, seconds: float) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    count, began, busy = 0, time.monotonic(), sum(os.times()[:2])
    while time.monotonic() - began < seconds:
        answer = await client.read_holding_registers(0, count=1)
        assert not answer.isError(), answer
        count += 1
    took = time.monotonic() - began
    cores = (sum(os.times()[:2]) - busy) / took
    print(json.dumps({"count": count, "seconds": took, "cores": cores}), flush=True)
    client.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
