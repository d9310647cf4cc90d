#!/usr/bin/env python3
"""The press, station PRESS10: an OPC UA PLC with two counter-and-echo handshakes, a coil in its feeder and a badge.

usage: press_plc.py --state DIR --truth FILE [--parts N] [--port P] [--control P] [--cycle MS] [--restarts PLAN]
                    [--mid MS] [--reset-ack idle|zero] [--series S] [--insecure] [--fresh]

A restart plan is `PART:KIND,…`. KIND is
  keep              after the part: counters, acks and words are retained
  reset             after the part: words are cleared and the counters go back by one, so that the next, new part
                    comes under exactly the numbers of the part before it
  keep-mid-admit    while the part waits for AckId; an ack written meanwhile is lost with the process
  keep-mid-result   while the part waits for Ack; the same
  keep-mid          keep-mid-result for even parts, keep-mid-admit for odd ones

`last N` on the control port lets it end after part N, or the one that it is at, instead of part `--parts`.

With `--fresh` nothing is retained but which part is next, its patience, its ports and its key: a press that was killed begins its program
anew, its words cleared, its counters from 0; the part that was in it is scrapped without a word. The truth has a line for each run, and one
`{"asked": …}` for each handshake before any word of it can be seen.

`bad WORD on|uncertain|off` gives a word such a status; the truth has `{"bad": WORD, …}` before it can be seen.
"""
import argparse
import asyncio
import datetime as dt
import ipaddress
import json
import logging
import os
import random
import time

from asyncua import Server, ua
from asyncua.server.user_managers import User, UserRole
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import plc_common as plc

NAMESPACE, APPLICATION = "urn:shift:press", "urn:shift:press:plc"
T = ua.VariantType
WORDS = {
    "BootId": (T.UInt32, 0), "Life": (T.UInt32, 0), "Temp": (T.Double, 24.0), "Operator": (T.String, ""),
    "Coil.LotId": (T.String, ""), "Coil.Material": (T.String, ""),
    "Admit.Serial": (T.String, ""), "Admit.ReqId": (T.UInt32, 0), "Admit.AckId": (T.UInt32, 0), "Admit.Permit": (T.Int16, 0),
    "Result.Serial": (T.String, ""), "Result.Count": (T.UInt32, 0), "Result.Ack": (T.UInt32, 0), "Result.Result": (T.Int16, 0),
    "Result.Force": (T.Double, 0.0), "Result.Temp": (T.Double, 0.0),
}
WRITABLE = ("Admit.AckId", "Admit.Permit", "Result.Ack")
LIVE = ("BootId", "Life", "Temp")


class Anybody:
    """Every client is an ordinary user, so that only the writable words can be written."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User)


def certificate(folder):
    """Key and self-signed certificate of this PLC, made at its first start; returns paths and the DER bytes."""
    key_path, cert_path = os.path.join(folder, "press-key.pem"), os.path.join(folder, "press-cert.der")
    if not os.path.exists(cert_path):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "press stand-in")])
        today = dt.datetime.now(dt.timezone.utc)
        names = [x509.UniformResourceIdentifier(APPLICATION), x509.IPAddress(ipaddress.ip_address(plc.HOST)), x509.DNSName("localhost")]
        usage = dict(digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True, key_agreement=False,
                     key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False)
        cert = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - dt.timedelta(days=1)).not_valid_after(today + dt.timedelta(days=3650))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with open(key_path, "wb") as f:
            f.write(pem)
        os.chmod(key_path, 0o600)
        with open(cert_path, "wb") as f:
            f.write(cert.public_bytes(serialization.Encoding.DER))
    with open(cert_path, "rb") as f:
        der = f.read()
    return key_path, cert_path, x509.load_der_x509_certificate(der)


def part_words(k, series):
    """The words of part k of a series: the same in every run."""
    r = random.Random(k)
    failed = k % 37 == 0
    coil, crew = (k - 1) // 40 + 1, (k - 1) // 60
    return {
        "serial": f"SN-{series}{k:05d}", "coil_lot": f"COIL-{series}{coil:03d}", "material": ("DC01", "DC04")[coil % 2],
        "operator": f"B-{100 + crew % 3}", "result": 2 if failed else 1,
        "force": round(66.0 + r.random() if failed else r.gauss(50.0, 1.5), 3), "temp": round(r.gauss(41.0, 0.8), 2),
    }


def parsed(name, text):
    kind = WORDS[name][0]
    return text if kind == T.String else float(text) if kind == T.Double else int(text)


class Press:
    def __init__(self, args):
        self.args = args
        self.state = plc.State(args.state, "press.json", {
            "boot": random.randrange(1_000, 1_000_000), "port": 0, "control": 0, "done": 0, "phase": "idle", "part": {},
            "restarts_done": 0, "pause": False, "last": 0, "bad": {}, "jump": 0.0, "decoys": 0, "kinds": {}, "forced": {}, "patience": None, "words": {n: v for n, (_, v) in WORDS.items()}})
        self.truth = plc.Truth(args.truth)
        self.plan = plc.Plan(args.restarts, ("keep", "reset"), ("keep-mid", "keep-mid-admit", "keep-mid-result"))
        self.words, self.bad = self.state["words"], self.state["bad"]
        self.patience = self.state["patience"] if args.fresh else None
        self.frozen, self.stopped, self.moved = False, asyncio.Event(), asyncio.Event()
        self.nodes, self.writes = {}, 0

    async def serve(self):
        st, a = self.state, self.args
        st["port"] = a.port or st["port"] or plc.free_port()
        st["control"] = a.control or st["control"] or plc.free_port()
        st["boot"] += 1
        if a.fresh:
            self.begin_anew()
        st.save()
        self.words.update(BootId=st["boot"], Life=0)
        s = self.server = Server(user_manager=Anybody())
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{st['port']}/")
        s.set_server_name("press stand-in")
        await s.set_application_uri(APPLICATION)
        row = {}
        if a.insecure:
            s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            key, cert, parsed = certificate(a.state)
            s.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            await s.load_certificate(cert)
            await s.load_private_key(key)
            row = {"thumbprint": parsed.fingerprint(hashes.SHA1()).hex().upper(),
                   "thumbprint_sha256": parsed.fingerprint(hashes.SHA256()).hex().upper(), "certificate": os.path.abspath(cert)}
        s.set_identity_tokens([ua.AnonymousIdentityToken])
        for n in range(st["decoys"]):
            await self.decoy(await s.register_namespace(f"urn:shift:decoy:{n}"))
        index = await s.register_namespace(NAMESPACE)
        await self.build(index)
        await s.start()
        listener = await plc.control(st["control"], self.commands())
        plc.up(port=st["port"], control=st["control"], boot=st["boot"], pid=os.getpid(), namespace=index, **row)
        tasks = [asyncio.create_task(self.life()), asyncio.create_task(self.work())]
        stop = asyncio.create_task(self.stopped.wait())
        done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        listener.close()
        os._exit(0)

    def begin_anew(self):
        self.truth.line({"run": self.truth.runs, "at": plc.now_ns()})
        self.state["done"] += self.state["phase"] != "idle"
        self.state["phase"], self.state["part"] = "idle", {}
        self.words.update({name: value for name, (_, value) in WORDS.items()})

    def note(self, handshake):
        """What is to be seen next: noted before it is."""
        p = self.state["part"]
        if self.args.fresh:
            self.truth.note({"asked": {**p, "handshake": handshake, "number": p[handshake + "_number"], "at": p["t_" + handshake]}})

    async def build(self, ns):
        top = await self.server.nodes.objects.add_object(ua.NodeId("Press", ns), ua.QualifiedName("Press", ns))
        folders = {"": top}
        for folder in ("Admit", "Result", "Coil"):
            folders[folder] = await top.add_object(ua.NodeId(f"Press.{folder}", ns), ua.QualifiedName(folder, ns))
        aspace = self.server.iserver.aspace
        for name, (kind, _) in WORDS.items():
            folder, _, leaf = name.rpartition(".")
            value = self.variant(name, self.words[name])
            node = await folders[folder].add_variable(ua.NodeId(f"Press.{name}", ns), ua.QualifiedName(leaf, ns), value.Value, value.VariantType)
            self.nodes[name] = node.nodeid
            await self.put(name, self.words[name])
            if name in WRITABLE:
                await node.set_writable()
                aspace.add_datachange_callback(node.nodeid, ua.AttributeIds.Value, self.written(name))

    async def decoy(self, ns):
        """The same names in another namespace, with values that must never be seen."""
        top = await self.server.nodes.objects.add_object(ua.NodeId("Press", ns), ua.QualifiedName("Press", ns))
        for name, (kind, _) in WORDS.items():
            value = "DECOY" if kind == T.String else 4_242.0 if kind == T.Double else 4_242
            await top.add_variable(ua.NodeId(f"Press.{name}", ns), ua.QualifiedName(name, ns), value, kind)

    def written(self, name):
        async def callback(_handle, value, _error=None):
            if value.Value is not None and value.Value.Value is not None:
                self.words[name] = value.Value.Value
                self.writes += 1
                self.moved.set()
        return callback

    def variant(self, name, value):
        """The value in the type that its node has, as a program change may have left it."""
        kind = self.state["kinds"].get(name)
        if kind == "String":
            return ua.Variant(str(value), T.String)
        if kind == "ByteString":
            return ua.Variant(str(value).encode(), T.ByteString)
        return ua.Variant(value, WORDS[name][0])

    def now(self):
        """By the clock of this PLC."""
        return dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=self.state["jump"])

    async def put(self, name, value, at=None):
        at = at or self.now()
        self.words[name] = value
        code = getattr(ua.StatusCodes, self.bad.get(name, "Good"))
        value = ua.DataValue(self.variant(name, value), ua.StatusCode(code), SourceTimestamp=at, ServerTimestamp=at)
        await self.server.write_attribute_value(self.nodes[name], value)

    async def life(self):
        n = 0
        while True:
            await asyncio.sleep(0.5)
            if not self.frozen:
                n += 1
                await self.put("Life", n & 0xFFFFFFFF)
                await self.put("Temp", round(24.0 + 0.5 * random.Random(n).gauss(0, 1), 2))

    async def acked(self, word, number, kind):
        """Wait for the echo, as long as patience lasts; when a restart is due here, leave before it counts."""
        if kind:
            old = self.words[word]
            mid = self.args.mid if self.args.mid is not None else random.Random(self.state["done"]).choice([0, 5, 20, 80])
            await asyncio.sleep(mid / 1000)
            seen = self.words[word] == number
            self.state["words"] = {**self.words, word: old}
            plc.restart(self.truth, self.state, {"restart": kind, "during": self.state["part"]["serial"], "word": word,
                                                 "number": number, "boot": self.state["boot"], "ack_lost": seen})
        began = time.monotonic()
        while self.frozen or self.words[word] != number:
            if not self.frozen and self.patience is not None and time.monotonic() - began > self.patience:
                return False
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), 0.005)
            except asyncio.TimeoutError:
                pass
        return True

    async def work(self):
        st, a = self.state, self.args
        while True:
            if st["phase"] == "idle":
                if kind := self.plan.after(st, st["done"]):
                    self.restart_between(kind)
                if st["done"] >= (st["last"] or a.parts):
                    break
                while self.paused():
                    await asyncio.sleep(0.005)
                if a.cycle:
                    await asyncio.sleep(a.cycle / 1000)
                await self.admit()
            elif st["phase"] == "admit":
                await self.finish_admit()
                await self.result()
            else:
                await self.finish_result()
        self.truth.end(st["done"])
        await asyncio.Event().wait()

    def paused(self):
        """Between two parts: now, or after so many."""
        pause = self.state["pause"]
        return pause is True or (pause is not False and self.state["done"] >= pause)

    def restart_between(self, kind):
        st, w = self.state, self.words
        row = {"restart": kind, "after": st["done"], "boot": st["boot"], "admit_number": w["Admit.ReqId"], "result_number": w["Result.Count"]}
        if kind == "reset":
            req, count = (w["Admit.ReqId"] - 1) & 0xFFFFFFFF, (w["Result.Count"] - 1) & 0xFFFFFFFF
            w.update({n: v for n, (_, v) in WORDS.items() if n.startswith(("Admit.", "Result."))})
            w.update({"Admit.ReqId": req, "Result.Count": count})
            if self.args.reset_ack == "idle":  # the echo equals the counter: nothing is requested
                w.update({"Admit.AckId": req, "Result.Ack": count})
        plc.restart(self.truth, st, row)

    async def admit(self):
        st, w, k = self.state, self.words, self.state["done"] + 1
        p = st["part"] = {**part_words(k, self.args.series), "admit_number": (w["Admit.ReqId"] + 1) & 0xFFFFFFFF}
        p["t_admit"], p["admit_boot"] = plc.now_ns(), st["boot"]
        st["phase"] = "admit"
        for name, key in (("Coil.LotId", "coil_lot"), ("Coil.Material", "material"), ("Operator", "operator"), ("Admit.Serial", "serial")):
            w[name] = p[key]
        w["Admit.ReqId"] = p["admit_number"]
        st.save()
        p["t_admit"] = plc.now_ns()  # a busy disk may have taken long
        self.note("admit")
        at = self.now()
        for name in ("Coil.LotId", "Coil.Material", "Operator", "Admit.Serial", "Admit.ReqId"):
            await self.put(name, w[name], at)

    def due(self, k, which):
        names = ["keep-mid-" + which] + (["keep-mid"] if (k % 2 == 0) == (which == "result") else [])
        return self.plan.during(self.state, k, names)

    async def finish_admit(self):
        k = self.state["done"] + 1
        p = self.state["part"]
        p["admit_acked"] = await self.acked("Admit.AckId", p["admit_number"], self.due(k, "admit"))
        self.state["part"]["permit"] = self.words["Admit.Permit"]

    async def result(self):
        st, w = self.state, self.words
        p = st["part"]
        p["result_number"], p["t_result"] = (w["Result.Count"] + 1) & 0xFFFFFFFF, plc.now_ns()
        st["phase"] = "result"
        for name, key in (("Serial", "serial"), ("Force", "force"), ("Temp", "temp"), ("Result", "result"), ("Count", "result_number")):
            forced = st["forced"].get("Result." + name)
            if forced is not None:  # in the truth as it was told: JSON has no NaN
                p[key] = forced
            w["Result." + name] = p[key] if forced is None else parsed("Result." + name, forced)
        st.save()
        p["t_result"] = plc.now_ns()
        self.note("result")
        at = self.now()
        for name in ("Serial", "Force", "Temp", "Result", "Count"):
            await self.put("Result." + name, w["Result." + name], at)

    async def finish_result(self):
        st = self.state
        k, p = st["done"] + 1, st["part"]
        p["result_acked"] = await self.acked("Result.Ack", p["result_number"], self.due(k, "result"))
        self.truth.part({**p, "boot": st["boot"], "t_done": plc.now_ns()})
        st["phase"], st["done"] = "idle", k
        st.save()

    def commands(self):
        st = self.state

        def stats():
            return {"done": st["done"], "parts": self.args.parts, "phase": st["phase"], "boot": st["boot"], "ended": self.truth.ended,
                    "restarts": st["restarts_done"], "writes": self.writes, "paused": st["pause"], "frozen": self.frozen,
                    "bad": sorted(self.bad), **{n: self.words[n] for n in ("Admit.ReqId", "Admit.AckId", "Admit.Permit", "Result.Count", "Result.Ack")}}

        def pause(word):
            st["pause"] = int(word) if word.isdigit() else plc.onoff(word)
            st.save()

        async def bad(name, word):
            codes = {"on": "BadSensorFailure", "uncertain": "UncertainSensorNotAccurate"}
            if word == "off":
                self.bad.pop(name, None)
            else:
                self.bad[name] = codes[word]
            st.save()
            self.truth.line({"bad": name, "status": self.bad.get(name), "at": plc.now_ns()})
            await self.put(name, self.words[name])

        async def put(name, *text):
            await self.put(name, parsed(name, " ".join(text)))

        def force(name, *text):
            if text == ("off",):
                st["forced"].pop(name, None)
            else:
                parsed(name, " ".join(text))
                st["forced"][name] = " ".join(text)
            st.save()

        def patience(word):
            self.patience = st["patience"] = None if word == "off" else float(word) / 1000
            st.save()

        def retain(name, read):
            def command(word):
                st[name] = read(word)
                st.save()
            return command

        def kind(name, word):
            st["kinds"][name] = word
            st.save()

        async def wait(n):
            while st["done"] < int(n):
                await asyncio.sleep(0.005)

        def freeze(word):
            self.frozen = plc.onoff(word)

        return {"stats": lambda: json.dumps(stats()), "pause": pause, "bad": bad, "set": put, "wait": wait, "freeze": freeze,
                "get": lambda name: json.dumps(self.words[name]), "force": force, "patience": patience, "kind": kind,
                "last": retain("last", int), "tsjump": retain("jump", float), "decoys": retain("decoys", int), "stop": self.stopped.set}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--state", required=True)
    p.add_argument("--truth", required=True)
    p.add_argument("--parts", type=int, default=500)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--cycle", type=float, default=0, help="ms between two parts")
    p.add_argument("--restarts", default="")
    p.add_argument("--mid", type=float, help="ms from presenting to a -mid restart; else 0, 5, 20 or 80 by part")
    p.add_argument("--reset-ack", choices=("idle", "zero"), default="idle", help="echo words after a reset: equal to the counters, or 0")
    p.add_argument("--series", default="", help="stands before the number in every code, so that two presses make different parts")
    p.add_argument("--fresh", action="store_true", help="retain nothing that the host can see")
    p.add_argument("--insecure", action="store_true", help="offer security None only")
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)

    async def run():
        await Press(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
