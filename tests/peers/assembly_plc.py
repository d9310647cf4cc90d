#!/usr/bin/env python3
"""The assembly station ASM20: a Modbus TCP PLC, unit 1, with three req-ack handshakes for each part of the press.

usage: assembly_plc.py --state DIR --truth FILE --feed PRESS_TRUTH [--port P | --serial PORT] [--framer rtu] [--tls] [--control P] [--cycle MS] [--restarts PLAN] [--mid MS]

The parts come from the truth file of the press, read as it grows, in its order; the run ends when the press has ended.
A restart plan is `PART:KIND,…`, the parts counted from 1. KIND is
  keep               after the part: numbers and words are retained
  reset              after the part: words are cleared and the numbers go back by one, so that the next, new part
                     comes under exactly the numbers of the part before it
  keep-mid-fit, keep-mid-glue, keep-mid-done
                     while the request waits for its ack coil; a coil set meanwhile is lost with the process
  keep-mid           one of these three, by part
"""
import argparse
import asyncio
import hashlib
import json
import logging
import os
import random
import ssl
import struct
import subprocess

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

import plc_common as plc

HR = {  # name: (first register, type); a string has 8 registers
    "life": (0, "u16"), "boot": (1, "u16"), "flags": (2, "u16"),
    "fit_no": (10, "u16"), "glue_no": (11, "u16"), "done_no": (12, "u16"),
    "serial": (20, "string"), "child": (30, "string"), "glue_lot": (40, "string"),
    "grams": (50, "u32"), "torque": (60, "f32"), "result": (62, "u16"), "permit": (63, "u16"), "operator": (70, "string"),
}
STEPS = ("fit", "glue", "done")  # bit 0, 1, 2 of flags; coils 16, 17, 18
FIRST_COIL, PERMIT, TEMPERATURE = 16, 63, 10
SIZE = 128
WRITES = (5, 6, 15, 16)


def encode(kind, value):
    if kind == "string":
        return struct.unpack(">8H", value.encode().ljust(16, b"\0"))
    if kind == "u32":  # ABCD
        return struct.unpack(">2H", struct.pack(">I", value))
    if kind == "f32":  # CDAB: the low word first
        return struct.unpack(">2H", struct.pack(">f", value))[::-1]
    return (value & 0xFFFF,)


def certificate(folder):
    """Certificate and key of this PLC, made at its first start, as OpenSSL makes them unasked: a certificate authority of itself."""
    cert_path, key_path = os.path.join(folder, "assembly-cert.pem"), os.path.join(folder, "assembly-key.pem")
    if not os.path.exists(cert_path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=assembly stand-in",
                        "-keyout", key_path, "-out", cert_path], check=True, stderr=subprocess.DEVNULL)
    with open(cert_path) as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    return cert_path, key_path, hashlib.sha256(der).hexdigest().upper()


def f32(x):
    return struct.unpack(">f", struct.pack(">f", x))[0]


def part_words(k, serial, series):
    """The words of the k-th part: the same in every run."""
    r = random.Random(100_000 + k)
    failed = k % 53 == 0
    milli = 2_000 + r.randrange(500)
    return {"serial": serial, "child": f"BRG-{series}{k:05d}", "glue_lot": f"GLUE-{series}{(k - 1) // 25 + 1:03d}", "grams_milli": milli, "grams": milli / 1000,
            "torque": f32(14.0 + r.random() if failed else r.gauss(12.0, 0.15)), "result": 2 if failed else 1,
            "operator": f"B-{200 + (k - 1) // 70 % 3}"}


class Feed:
    """The finished parts of the press, from its truth file, as it grows."""

    def __init__(self, path):
        self.path, self.at, self.parts, self.ended = path, 0, [], False

    def read(self):
        if not os.path.exists(self.path):
            return
        with open(self.path, "rb") as f:
            f.seek(self.at)
            raw = f.read()
        for line in raw[: raw.rfind(b"\n") + 1].splitlines(keepends=True):
            self.at += len(line)
            row = json.loads(line)
            if "serial" in row:
                self.parts.append(row)
            self.ended |= "end" in row


class Assembly:
    def __init__(self, args):
        self.args = args
        self.state = plc.State(args.state, "assembly.json", {
            "boot": random.randrange(1, 60_000), "port": 0, "control": 0, "done": 0, "step": "idle", "released": False, "part": {},
            "restarts_done": 0, "pause": False, "hr": [0] * SIZE, "coils": 0})
        self.truth = plc.Truth(args.truth)
        self.plan = plc.Plan(args.restarts, ("keep", "reset"), ("keep-mid", *("keep-mid-" + s for s in STEPS)))
        self.feed = Feed(args.feed)
        self.hr, self.ir, self.coils = self.state["hr"], [0] * SIZE, self.state["coils"]
        self.frozen, self.moved, self.server = False, asyncio.Event(), None
        self.faults = {"delay": 0.0, "exc": None, "drop": "off", "garbage": False}
        self.requests, self.writes, self.refused, self.spoilt = 0, 0, 0, 0
        self.open, self.open_max = 0, 0

    # the PLC's memory is ours; pymodbus is shown a copy of it at every request

    async def action(self, *request):
        self.requests += 1
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            return await self.answer(*request)
        finally:
            self.open -= 1

    async def answer(self, fc, start, address, count, cells, values):
        if self.faults["delay"]:
            await asyncio.sleep(self.faults["delay"])
        if self.faults["drop"] == "on":
            raise NoSuchIdException("no answer")
        if self.faults["exc"] is not None:
            return ExcCodes(self.faults["exc"])
        if values is not None and fc in WRITES:
            if not self.write(fc, address, values):
                self.refused += 1
                return ExcCodes.ILLEGAL_ADDRESS
        self.show(fc, start, cells)
        if self.faults["drop"] == "late":
            raise NoSuchIdException("done, but no answer")
        return None

    def write(self, fc, address, values):
        """Coils 16 to 18 and the permit word belong to the host; nothing else does."""
        if fc in (5, 15):
            if address < FIRST_COIL or address + len(values) > FIRST_COIL + len(STEPS):
                return False
            for i, on in enumerate(values):
                bit = 1 << (address + i - FIRST_COIL)
                self.coils = self.coils | bit if on else self.coils & ~bit
            self.state["coils"] = self.coils
        else:
            if address != PERMIT or len(values) != 1:
                return False
            self.hr[PERMIT] = int(values[0])
        self.writes += 1
        self.moved.set()
        return True

    def show(self, fc, start, cells):
        if fc in (1, 5, 15):
            cells[FIRST_COIL // 16 - start] = self.coils
        elif fc == 4:
            cells[:SIZE] = self.ir
        elif fc in (3, 6, 16):
            cells[:SIZE] = self.hr

    def put(self, name, value):
        at, kind = HR[name]
        words = encode(kind, value)
        self.hr[at : at + len(words)] = words

    def spoil(self, sending, packet):
        """Answers that no client may take for good ones, one kind after the other."""
        if not sending or not self.faults["garbage"] or len(packet) < 10:
            return packet
        if self.args.serial or self.args.framer == "rtu":
            return self.spoil_frame(packet)
        self.spoilt += 1
        head, unit, pdu = bytearray(packet[:6]), packet[6:7], bytearray(packet[7:])
        kind = self.spoilt % 7
        if kind == 0:  # a short answer, lengths consistent
            if pdu[0] in (3, 4) and pdu[1] > 2:
                pdu[1] -= 2
            pdu = pdu[:-2]
        elif kind == 1:  # a byte count that is not true, or an echo that is not ours
            pdu[1] ^= 0x55
        elif kind == 2:  # another function
            pdu[0] ^= 0x02
        elif kind == 3:  # another transaction
            head[1] ^= 0xFF
        elif kind == 4:  # not Modbus
            head[2] = 0x7F
        elif kind == 5:  # another unit
            unit = bytes([unit[0] ^ 0x0F])
        else:  # cut off in the middle
            return bytes(head) + unit + bytes(pdu[: len(pdu) // 2])
        head[4:6] = (len(pdu) + 1).to_bytes(2, "big")
        return bytes(head) + unit + bytes(pdu)

    def spoil_frame(self, packet):
        """The same for frames of a serial line: a bit that is another, cut off, nothing but noise."""
        self.spoilt += 1
        frame = bytearray(packet)
        if self.spoilt % 3 == 0:
            frame[2] ^= 0x10
        elif self.spoilt % 3 == 1:
            frame[-1] ^= 0x01
        else:
            del frame[len(frame) // 2 :]
        return bytes(frame)

    async def serve(self):
        st, a = self.state, self.args
        st["port"] = a.port or st["port"] or plc.free_port()
        st["control"] = a.control or st["control"] or plc.free_port()
        st["boot"] = st["boot"] % 65_535 + 1
        st.save()
        self.put("boot", st["boot"])
        self.put("life", 0)
        self.ir[TEMPERATURE] = 221
        bits = [SimData(0, count=32, values=False, datatype=DataType.BITS)]
        words = [SimData(0, count=SIZE, values=0, datatype=DataType.REGISTERS)]
        blocks = (bits, [SimData(0, count=32, values=False, datatype=DataType.BITS)], words, [SimData(0, count=SIZE, values=0, datatype=DataType.REGISTERS)])
        device = SimDevice(id=1, simdata=blocks, action=self.action)
        self.server = self.door(device)
        for attempt in range(50):
            try:
                await self.server.serve_forever(background=True)
                break
            except RuntimeError:
                if attempt == 49:
                    raise
                await asyncio.sleep(0.1)
        self.stopped = asyncio.Event()
        await plc.control(st["control"], self.commands())
        known = {"thumbprint_sha256": certificate(a.state)[2]} if a.tls else {}
        plc.up(port=st["port"], control=st["control"], boot=st["boot"], pid=os.getpid(), **known)
        tasks = [asyncio.create_task(self.life()), asyncio.create_task(self.work()), asyncio.create_task(self.stopped.wait())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    def door(self, device):
        """How it is spoken to."""
        a, common = self.args, {"trace_packet": self.spoil, "ignore_missing_devices": True}
        if a.serial:
            return ModbusSerialServer(device, port=a.serial, baudrate=115_200, **common)
        address = (plc.HOST, self.state["port"])
        if a.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate(a.state)[:2])
            return ModbusTlsServer(device, address=address, sslctx=context, **common)
        framer = FramerType.RTU if a.framer == "rtu" else FramerType.SOCKET
        return ModbusTcpServer(device, address=address, framer=framer, **common)

    async def life(self):
        n = 0
        while True:
            await asyncio.sleep(0.5)
            if not self.frozen:
                n += 1
                self.put("life", n)
                self.ir[TEMPERATURE] = round(220 + 3 * random.Random(n).gauss(0, 1)) & 0xFFFF

    async def coil(self, step, on):
        bit = 1 << STEPS.index(step)
        while self.frozen or bool(self.coils & bit) != on:
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), 0.005)
            except asyncio.TimeoutError:
                pass

    async def work(self):
        st, a = self.state, self.args
        while True:
            if st["step"] == "idle":
                if kind := self.plan.after(st, st["done"]):
                    self.restart_between(kind)
                self.feed.read()
                if st["done"] >= len(self.feed.parts):
                    if self.feed.ended:
                        break
                    await asyncio.sleep(0.01)
                    continue
                while st["pause"]:
                    await asyncio.sleep(0.005)
                if a.cycle:
                    await asyncio.sleep(a.cycle / 1000)
                k = st["done"] + 1
                press = self.feed.parts[st["done"]]
                st["part"] = {**part_words(k, press["serial"], a.series), "boots": {}}
                self.present("fit")
            await self.handshake(st["step"])
        self.truth.end(st["done"])
        await asyncio.Event().wait()

    def present(self, step):
        """Data words, then the number, then the request bit; retained before any of it can be seen."""
        st, p = self.state, self.state["part"]
        number = (self.hr[HR[step + "_no"][0]] % 65_535) + 1
        p[step + "_number"], p["t_" + step], p["boots"][step] = number, plc.now_ns(), st["boot"]
        for name in {"fit": ("serial", "child", "operator"), "glue": ("serial", "glue_lot"), "done": ("serial", "torque", "result", "operator")}[step]:
            self.put(name, p[name])
        if step == "glue":
            self.put("grams", p["grams_milli"])
        self.put(step + "_no", number)
        st["step"], st["released"] = step, False
        retained = list(self.hr)
        retained[2] |= 1 << STEPS.index(step)
        st["hr"] = retained
        st.save()
        p["t_" + step] = plc.now_ns()  # a busy disk may have taken long
        st["hr"] = self.hr
        self.hr[2] = retained[2]

    async def handshake(self, step):
        st, p = self.state, self.state["part"]
        bit, k = 1 << STEPS.index(step), st["done"] + 1
        if not st["released"]:
            names = ["keep-mid-" + step] + (["keep-mid"] if STEPS[k % 3] == step else [])
            if kind := self.plan.during(st, k, names):
                mid = self.args.mid if self.args.mid is not None else random.Random(k).choice([0, 5, 20, 80])
                await asyncio.sleep(mid / 1000)
                seen, st["coils"] = bool(self.coils & bit), self.coils & ~bit
                plc.restart(self.truth, st, {"restart": kind, "during": p["serial"], "word": step + "_ack", "number": p[step + "_number"],
                                             "boot": st["boot"], "ack_lost": seen})
            await self.coil(step, True)
            if step == "fit":
                p["permit"] = self.hr[PERMIT]
            self.hr[2] &= ~bit
            st["released"] = True
            st.save()
        await self.coil(step, False)
        if step != "done":
            return self.present(STEPS[STEPS.index(step) + 1])
        self.truth.part({**p, "boot": st["boot"], "t_end": plc.now_ns()})
        st["step"], st["done"] = "idle", k
        st.save()

    def restart_between(self, kind):
        st = self.state
        numbers = {s + "_number": self.hr[HR[s + "_no"][0]] for s in STEPS}
        if kind == "reset":
            self.hr[:] = [0] * SIZE
            for s in STEPS:
                self.put(s + "_no", numbers[s + "_number"] - 1)
            st["coils"] = 0
        plc.restart(self.truth, st, {"restart": kind, "after": st["done"], "boot": st["boot"], **numbers})

    def commands(self):
        st, faults = self.state, self.faults

        def stats():
            return json.dumps({"done": st["done"], "step": st["step"], "boot": st["boot"], "ended": self.truth.ended, "restarts": st["restarts_done"],
                               "requests": self.requests, "open_max": self.open_max, "writes": self.writes, "refused": self.refused, "spoilt": self.spoilt, "paused": st["pause"],
                               "frozen": self.frozen, "life": self.hr[HR["life"][0]], "flags": self.hr[2], "coils": self.coils, "permit": self.hr[PERMIT],
                               **{s + "_no": self.hr[HR[s + "_no"][0]] for s in STEPS}, **faults})

        def pause(word):
            st["pause"] = plc.onoff(word)
            st.save()

        def freeze(word):
            self.frozen = plc.onoff(word)

        def put(name, *text):
            kind, text = HR[name][1], " ".join(text)
            self.put(name, text if kind == "string" else float(text) if kind == "f32" else int(text))

        async def wait(n):
            while st["done"] < int(n):
                await asyncio.sleep(0.005)

        def fault(name, read):
            def command(word):
                faults[name] = read(word)
            return command

        def drop(word):
            if word not in ("on", "off", "late"):
                raise ValueError("on, off or late")
            return word

        def kick():
            for c in list(self.server.active_connections.values()):
                c.close()

        return {"stats": stats, "pause": pause, "freeze": freeze, "set": put, "wait": wait, "stop": self.stopped.set, "kick": kick,
                "delay": fault("delay", lambda w: float(w) / 1000), "exc": fault("exc", lambda w: None if w == "off" else int(w)),
                "drop": fault("drop", drop), "garbage": fault("garbage", plc.onoff)}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--state", required=True)
    p.add_argument("--truth", required=True)
    p.add_argument("--feed", required=True, help="the truth file of the press")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--serial", help="a serial port instead of a socket: RTU at 115200 baud")
    p.add_argument("--framer", choices=("socket", "rtu"), default="socket", help="frames on the socket")
    p.add_argument("--tls", action="store_true", help="the socket is encrypted, with a certificate of our own making")
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--cycle", type=float, default=0, help="ms between two parts")
    p.add_argument("--restarts", default="")
    p.add_argument("--series", default="", help="stands before the number in the codes of children and glue lots")
    p.add_argument("--mid", type=float, help="ms from the request to a -mid restart; else 0, 5, 20 or 80 by part")
    args = p.parse_args()
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def run():
        await Assembly(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
