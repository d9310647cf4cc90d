#!/usr/bin/env python3
"""A SCADA stand-in: a foreign OPC UA client (asyncua 2.1) over Basic256Sha256, SignAndEncrypt.

usage: scada.py URL --cert-dir DIR COMMAND…

  thumbprint                  SHA-256 of the client's own certificate, made on first use
  browse-unit CODE            a unit, what it was made of, and where its lots went, by references
  trace ID backward|forward   the method Trace; --depth N
  recall LOT                  the method Recall
  resolve TEXT                the method Resolve
  events --count N            GenealogyEventType events of the Server object, one JSON line each
  watch NODE --count N        values of a variable as they are pushed, one JSON line each
  read NODE…                  values; a node is `u/site/SN-1#State` or `ns=2;s=…`
  browse NODE                 references of a node
  stations                    every station with its variables and monitors

JSON on stdout. Exit 0 if done, 2 if the server does not let us in, 3 if the server says no, 1 else.
`events` and `watch` write `subscribed` to stderr once nothing can be missed.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import sys
from datetime import datetime
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

NAMESPACE = "urn:pedigree:genealogy"
APPLICATION = "urn:scada:client"
ITEM_TYPES = {1003: "unit", 1004: "lot", 1005: "container"}


async def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate (DER) and key of this client, made on first use."""
    folder.mkdir(parents=True, exist_ok=True)
    key, cert = folder / "scada-key.pem", folder / "scada-cert.der"
    await setup_self_signed_certificate(
        key, cert, APPLICATION, "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {"commonName": "scada"}
    )
    return cert, key


def der(path: Path) -> bytes:
    raw = path.read_bytes()
    if raw.startswith(b"-----"):
        return x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER)
    return raw


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, ua.NodeId):
        return value.to_string()
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.QualifiedName):
        return value.Name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def text(node_id: ua.NodeId) -> str:
    """The part of an id that says which item it is."""
    return str(node_id.Identifier)


class Scada:
    def __init__(self, client: Client, index: int):
        self.client = client
        self.index = index

    def node(self, name: str):
        if name.startswith(("ns=", "i=", "s=")):
            return self.client.get_node(name)
        return self.client.get_node(ua.NodeId(name, self.index))

    async def entry(self):
        return await self.client.nodes.objects.get_child(f"{self.index}:Traceability")

    async def assembled_from(self) -> ua.NodeId:
        """The reference type, found by its name below Aggregates."""
        aggregates = self.client.get_node(ua.ObjectIds.Aggregates)
        found = await aggregates.get_child(f"{self.index}:AssembledFrom")
        return found.nodeid

    async def links(self, node, direction) -> list:
        kind = await self.assembled_from()
        return await node.get_references(kind, direction, includesubtypes=True)

    async def kind_name(self, reference) -> str:
        attribute = (
            ua.AttributeIds.BrowseName if reference.IsForward else ua.AttributeIds.InverseName
        )
        kind = self.client.get_node(reference.ReferenceTypeId)
        return plain((await kind.read_attribute(attribute)).Value.Value)

    async def find_unit(self, code: str):
        """By the name of a node below Traceability/Units, else by asking which item has the code."""
        units = await (await self.entry()).get_child(f"{self.index}:Units")
        for name in (f"u/site/{code}", code):
            try:
                return await units.get_child(f"{self.index}:{name}")
            except ua.UaStatusCodeError:
                continue
        found = await self.call("Resolve", ua.Variant(code, ua.VariantType.String))
        units = [n for n in found if text(n).startswith("u/")]
        if len(units) != 1:
            raise LookupError(f"{len(units)} units have the code {code}")
        return self.client.get_node(units[0])

    async def browse_unit(self, code: str):
        unit = await self.find_unit(code)
        made_of, lots, seen = [], [], {text(unit.nodeid)}
        ahead = [unit]
        while ahead:
            whole = ahead.pop(0)
            for link in await self.links(whole, ua.BrowseDirection.Forward):
                item = text(link.NodeId)
                made_of.append(
                    {"whole": text(whole.nodeid), "kind": await self.kind_name(link), "part": item}
                )
                if item in seen:
                    continue
                seen.add(item)
                if ITEM_TYPES.get(link.TypeDefinition.Identifier) == "lot":
                    lots.append(item)
                ahead.append(self.client.get_node(link.NodeId))
        used_in = {}
        for lot in lots:
            back = await self.links(self.node(lot), ua.BrowseDirection.Inverse)
            used_in[lot] = [text(link.NodeId) for link in back]
        complete = await self.node(f"{text(unit.nodeid)}#Complete").read_value()
        return {
            "unit": text(unit.nodeid),
            "made_of": made_of,
            "lots": lots,
            "used_in": used_in,
            "complete": complete,
        }

    async def call(self, method: str, *arguments):
        entry = await self.entry()
        return await entry.call_method(f"{self.index}:{method}", *arguments)

    async def named(self, method: str, *arguments):
        """A method's outputs under the names that the server gives them, in small letters."""
        outputs = await self.call(method, *arguments)
        described = await self.node(f"traceability#{method}/OutputArguments").read_value()
        if len(described) == 1:
            outputs = [outputs]
        return {a.Name.lower(): plain(value) for a, value in zip(described, outputs, strict=True)}

    async def subscribe_events(self, count: int):
        queue = asyncio.Queue()

        class Handler:
            def event_notification(self, event):
                queue.put_nowait({k: plain(v) for k, v in event.get_event_props_as_fields_dict().items()})

            def status_change_notification(self, status):
                print(f"subscription: {status}", file=sys.stderr)

        fields = {}
        event_type = self.client.get_node(ua.NodeId(2001, self.index))
        subscription = await self.client.create_subscription(100, Handler())
        # A queue of 0 or 1 holds one event between two publishings; this server takes it literally.
        await subscription.subscribe_events(
            self.client.nodes.server, evtypes=event_type, queuesize=10_000
        )
        print("subscribed", file=sys.stderr, flush=True)
        for _ in range(count):
            fields = await queue.get()
            values = {name: plain(value.Value) for name, value in fields.items()}
            print(json.dumps(values), flush=True)
        await subscription.delete()

    async def watch(self, name: str, count: int):
        queue = asyncio.Queue()

        class Handler:
            def datachange_notification(self, _node, value, _data):
                queue.put_nowait(value)

        subscription = await self.client.create_subscription(100, Handler())
        await subscription.subscribe_data_change(self.node(name), queuesize=100)
        print("subscribed", file=sys.stderr, flush=True)
        for _ in range(count):
            print(json.dumps({"node": name, "value": plain(await queue.get())}), flush=True)
        await subscription.delete()

    async def read(self, names: list[str]):
        values = {}
        for name in names:
            data = await self.node(name).read_data_value(raise_on_bad_status=False)
            good = data.StatusCode.is_good()
            values[name] = plain(data.Value.Value) if good else {"error": data.StatusCode.name}
        return values

    async def variables(self, node) -> dict:
        found = await node.get_children(nodeclassmask=ua.NodeClass.Variable)
        names = [(await n.read_browse_name()).Name for n in found]
        values = await self.client.read_values(found) if found else []
        return dict(zip(names, map(plain, values), strict=True))

    async def stations(self):
        folder = await (await self.entry()).get_child(f"{self.index}:Stations")
        stations = {}
        for station in await folder.get_children():
            name = (await station.read_browse_name()).Name
            stations[name] = await self.variables(station)
            monitors = await station.get_children(nodeclassmask=ua.NodeClass.Object)
            stations[name]["Monitors"] = {
                (await m.read_browse_name()).Name: await self.variables(m) for m in monitors
            }
        return stations

    async def browse(self, name: str):
        found = await self.node(name).get_references()
        return [
            {"kind": await self.kind_name(r), "forward": r.IsForward, "node": plain(r.NodeId), "name": r.BrowseName.Name}
            for r in found
        ]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--cert-dir", type=Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("thumbprint")
    commands.add_parser("stations")
    commands.add_parser("browse-unit").add_argument("code")
    commands.add_parser("resolve").add_argument("text")
    commands.add_parser("recall").add_argument("lot")
    commands.add_parser("browse").add_argument("node")
    commands.add_parser("read").add_argument("nodes", nargs="+")
    trace = commands.add_parser("trace")
    trace.add_argument("id")
    trace.add_argument("direction", choices=["backward", "forward"])
    trace.add_argument("--depth", type=int, default=0)
    commands.add_parser("events").add_argument("--count", type=int, default=1)
    watch = commands.add_parser("watch")
    watch.add_argument("node")
    watch.add_argument("--count", type=int, default=1)
    return parser.parse_args()


async def ask(scada: Scada, args):
    def string(value):
        return ua.Variant(value, ua.VariantType.String)

    match args.command:
        case "browse-unit":
            return await scada.browse_unit(args.code)
        case "trace":
            depth = ua.Variant(args.depth, ua.VariantType.UInt32)
            return await scada.named("Trace", string(args.id), string(args.direction), depth)
        case "recall":
            return await scada.named("Recall", string(args.lot))
        case "resolve":
            return await scada.named("Resolve", string(args.text))
        case "read":
            return await scada.read(args.nodes)
        case "browse":
            return await scada.browse(args.node)
        case "stations":
            return await scada.stations()
        case "events":
            return await scada.subscribe_events(args.count)
        case "watch":
            return await scada.watch(args.node, args.count)


async def main() -> int:
    args = arguments()
    certificate, key = await own_certificate(args.cert_dir)
    if args.command == "thumbprint":
        print(hashlib.sha256(der(certificate)).hexdigest().upper())
        return 0
    client = Client(args.url, timeout=30)
    client.application_uri = APPLICATION
    client.name = client.description = "scada"
    try:
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            certificate=str(certificate),
            private_key=str(key),
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        await client.connect()
    except (ua.UaError, ConnectionError, OSError, asyncio.TimeoutError) as why:
        print(json.dumps({"error": f"not let in: {why!r}"}), file=sys.stderr)
        return 2
    try:
        scada = Scada(client, await client.get_namespace_index(NAMESPACE))
        answer = await ask(scada, args)
    except (ua.UaError, LookupError) as why:
        print(json.dumps({"error": str(why)}), file=sys.stderr)
        return 3
    finally:
        await client.disconnect()
    if answer is not None:
        print(json.dumps(answer, indent=1))
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    sys.exit(asyncio.run(main()))
