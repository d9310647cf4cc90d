"""How the words of a stand-in are spoken to: as nodes of an OPC UA server, or as registers and coils. Both have `open`, `serve`, `put` and
`get`; a word has a type of OPC UA and a first value, and some are the host's to write."""
import asyncio
import datetime as dt
import struct

from asyncua import Server, ua
from asyncua.server.user_managers import User, UserRole
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

import plc_common as plc


class Anybody:
    """Every client is an ordinary user, so that only the writable words can be written."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User)


class UaDoor:
    """The words as nodes of an OPC UA server."""

    def __init__(self, namespace, words, writable):
        self.namespace, self.words, self.writable = namespace, words, writable

    async def open(self, port):
        s = self.server = Server(user_manager=Anybody())
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
        s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        s.set_identity_tokens([ua.AnonymousIdentityToken])
        ns = await s.register_namespace(self.namespace)
        self.nodes, self.kinds = {}, {}
        for name, (kind, value) in self.words.items():
            node = await s.nodes.objects.add_variable(ua.NodeId(name, ns), ua.QualifiedName(name, ns), value, kind)
            self.nodes[name], self.kinds[name] = node, kind
            await self.put(name, value)
        for name in self.writable:
            await self.nodes[name].set_writable()

    async def serve(self):
        await self.server.start()

    async def put(self, name, value):
        at = dt.datetime.now(dt.timezone.utc)
        value = ua.DataValue(ua.Variant(value, self.kinds[name]), SourceTimestamp=at, ServerTimestamp=at)
        await self.server.write_attribute_value(self.nodes[name].nodeid, value)

    async def get(self, name):
        return await self.nodes[name].read_value()


class ModbusDoor:
    """The words as registers and coils, by their places: (register, type), (register, bit), or a coil from 16 on. The memory is ours; pymodbus
    is shown a copy of it at every request."""

    def __init__(self, words, places, writable, size):
        self.words, self.places, self.writable, self.size = words, places, writable, size

    async def open(self, port):
        size = self.size
        self.hr, self.coils = [0] * size, 0
        for name, (_, value) in self.words.items():
            await self.put(name, value)
        bits, words = (lambda: [SimData(0, count=32, values=False, datatype=DataType.BITS)]), (lambda: [SimData(0, count=size, values=0, datatype=DataType.REGISTERS)])
        device = SimDevice(id=1, simdata=(bits(), bits(), words(), words()), action=self.action)
        self.server = ModbusTcpServer(device, address=(plc.HOST, port), ignore_missing_devices=True)

    async def serve(self):
        for attempt in range(50):
            try:
                return await self.server.serve_forever(background=True)
            except RuntimeError:
                if attempt == 49:
                    raise
                await asyncio.sleep(0.1)

    async def action(self, fc, start, address, count, cells, values):
        if values is not None and fc in (5, 6, 15, 16):
            wanted = {self.places[name][0] for name in self.writable if (self.places[name][1] == "coil") == (fc in (5, 15))}
            if len(values) != 1 or address not in wanted:
                return ExcCodes.ILLEGAL_ADDRESS
            if fc in (5, 15):
                self.coils = self.coils | 1 << address - 16 if values[0] else self.coils & ~(1 << address - 16)
            else:
                self.hr[address] = int(values[0])
        if fc in (1, 5, 15):
            cells[1 - start] = self.coils
        elif fc in (3, 6, 16):
            cells[: len(self.hr)] = self.hr
        return None

    async def put(self, name, value):
        at, kind = self.places[name]
        if kind == "text":
            words = struct.unpack(">8H", value.encode().ljust(16, b"\0"))
        elif kind == "f64":
            words = struct.unpack(">4H", struct.pack(">d", value))
        elif kind == "u32":
            words = struct.unpack(">2H", struct.pack(">I", value))
        elif kind == "coil":
            self.coils = self.coils | 1 << at - 16 if value else self.coils & ~(1 << at - 16)
            return
        elif kind == "u16":
            words = (value & 0xFFFF,)
        else:
            words = (self.hr[at] | 1 << kind if value else self.hr[at] & ~(1 << kind),)
        self.hr[at : at + len(words)] = words

    async def get(self, name):
        at, kind = self.places[name]
        return bool(self.coils & 1 << at - 16) if kind == "coil" else self.hr[at]
