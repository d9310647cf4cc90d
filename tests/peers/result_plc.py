#!/usr/bin/env python3
"""An OPC UA machine that tells of its results as OPC 40001-101 has it: an event for each, methods that name, give and take the
acknowledgement of those that it still has. Station BOLT.

usage: result_plc.py --truth FILE [--state DIR] [--parts N] [--port P] [--control P] [--keep N] [--cycle MS] [--stations N] [--whole|--own]

It makes N parts, one after another, and waits for nobody. Events hold the name of the result only, unless `--whole`. Every fourth is sent
twice, and every fifth after the one behind it. With `--own` it tells of each part once, by an event of a type of its own, beside
others that are of no part. What is acknowledged is forgotten, and of what is not the last `--keep` are kept. The truth
has a line for each part: station, serial, name, value, job, one for each run, and one for what is acknowledged. With `--stations N` the parts are those of N jobs, J0 to JN-1, one after another.

With `--state` its ports are kept, and nothing else: a machine that was killed has no results any more, and begins anew with other serials.
"""
import argparse
import asyncio
import datetime as dt
import json
import logging
import os
import random

from asyncua import Server, ua
from asyncua.common.structures104 import new_struct, new_struct_field
from asyncua.server.user_managers import User, UserRole

import plc_common as plc

MACHINE = "urn:shift:results"
RESULT = "http://opcfoundation.org/UA/Machinery/Result/"
RESULT_READY = 1002
T = ua.VariantType
REFUSED = 1


class Anybody:
    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User)


def argument(name, kind, array=False):
    return ua.Argument(Name=name, DataType=ua.NodeId(kind.value), ValueRank=1 if array else -1)


class Machine:
    def __init__(self, args):
        self.args, self.truth = args, plc.Truth(args.truth)
        self.run = self.truth.runs
        self.truth.line({"run": self.run, "at": plc.now_ns()})
        self.made, self.kept, self.acknowledged, self.asked, self.got = 0, {}, [], 0, []
        self.paused, self.late, self.stopped = False, [], asyncio.Event()

    async def serve(self):
        a = self.args
        port, control = plc.ports(a, "results")
        s = self.server = Server(user_manager=Anybody())
        await s.init()
        s.set_endpoint(f"opc.tcp://{plc.HOST}:{port}/")
        s.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        s.set_identity_tokens([ua.AnonymousIdentityToken])
        ns, mine = await s.register_namespace(RESULT), await s.register_namespace(MACHINE)
        await self.types(ns)
        await self.objects(ns, mine)
        await s.start()
        await plc.control(control, {"stats": self.stats, "stop": self.stopped.set, "pause": self.pause})
        plc.up(port=port, control=control, pid=os.getpid())
        tasks = [asyncio.create_task(t()) for t in (self.life, self.work, self.stopped.wait)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            t.result()
        os._exit(0)

    async def types(self, ns):
        field = new_struct_field
        times, _ = await new_struct(self.server, ns, "ProcessingTimesDataType", [field("StartTime", T.DateTime), field("EndTime", T.DateTime)])
        meta, _ = await new_struct(self.server, ns, "ResultMetaDataType", [
            field("ResultId", T.String), field("PartId", T.String, optional=True), field("CreationTime", T.DateTime, optional=True),
            field("ProcessingTimes", times, optional=True), field("ResultEvaluation", T.Int32, optional=True),
            field("JobId", T.String, optional=True)])
        await new_struct(self.server, ns, "ResultDataType", [
            field("ResultMetaData", meta), field("ResultContent", T.Variant, array=True, optional=True)])
        await self.server.load_data_type_definitions()

    async def objects(self, ns, mine):
        s = self.server
        base = s.get_node(ua.ObjectIds.BaseEventType)
        event = await base.add_object_type(ua.NodeId(RESULT_READY, ns), ua.QualifiedName("ResultReadyEventType", ns))
        empty = ua.ResultDataType(ResultMetaData=ua.ResultMetaDataType(ResultId=""))
        await event.add_variable(ua.NodeId("Ready.Result", ns), ua.QualifiedName("Result", ns), empty, T.ExtensionObject)
        bolt = await s.nodes.objects.add_object(ua.NodeId("Bolt", mine), ua.QualifiedName("Bolt", mine))
        self.beat = await bolt.add_variable(ua.NodeId("Bolt.Life", mine), ua.QualifiedName("Life", mine), 0, T.UInt32)
        told = await bolt.add_object(ua.NodeId("Bolt.Results", mine), ua.QualifiedName("ResultManagement", mine))
        out = [argument("ResultHandle", T.UInt32)]
        error = [argument("Error", T.Int32)]
        methods = {
            "GetResultIdListFiltered": (self.list, [
                argument("Filter", T.ExtensionObject), argument("OrderedBy", T.ExtensionObject, True), argument("MaxResults", T.UInt32),
                argument("Start", T.UInt32), argument("Timeout", T.Int32)], [*out, argument("ResultIdList", T.String, True), *error]),
            "GetResultById": (self.get, [argument("ResultId", T.String), argument("Timeout", T.Int32)],
                              [*out, argument("Result", T.ExtensionObject), *error]),
            "AcknowledgeResults": (self.acknowledge, [argument("ResultIds", T.String, True)], error),
        }
        for name, (what, ins, outs) in methods.items():
            await told.add_method(ua.NodeId(name, mine), ua.QualifiedName(name, ns), what, ins, outs)
        self.event = await s.get_event_generator(event, told)
        await self.own_events(base, mine, told)

    async def own_events(self, base, mine, told):
        """A type of this machine, a kind of it, and one beside it that has the same fields and means something else."""
        async def kind(of, name, fields):
            made = await of.add_object_type(ua.NodeId(name, mine), ua.QualifiedName(name, mine))
            for field, value, variant in fields:
                await made.add_property(ua.NodeId(f"{name}.{field}", mine), ua.QualifiedName(field, mine), value, variant)
            return made

        fields = [("SerialNumber", "", T.String), ("Torque", 0.0, T.Double), ("Job", "", T.String)]
        finished = await kind(base, "PartFinishedEventType", [*fields, ("Evaluation", 0, T.Int32)])
        rejected = await kind(finished, "PartRejectedEventType", [("Reason", "", T.String)])
        looked_at = await kind(base, "PartLookedAtEventType", [*fields, ("Evaluation", 0, T.Int32)])
        generator = self.server.get_event_generator
        self.finished, self.rejected, self.looked_at = [await generator(t, told) for t in (finished, rejected, looked_at)]

    async def tell_own(self, serial, value, good, job, at):
        for told in (self.looked_at, self.finished if good else self.rejected):
            told.event.SerialNumber, told.event.Torque, told.event.Job = serial, value, job
            told.event.Evaluation = 1 if good else 2
            await told.trigger(time_attr=at)

    def stats(self):
        return json.dumps({"made": self.made, "kept": len(self.kept), "acknowledged": self.acknowledged, "asked": self.asked, "got": self.got})

    def pause(self, word):
        self.paused = plc.onoff(word)

    async def life(self):
        n = 0
        while True:
            n += 1
            await self.beat.write_value(n, T.UInt32)
            await asyncio.sleep(0.3)

    async def list(self, parent, _filter, _order, most, start, _timeout):
        self.asked += 1
        names = list(self.kept)[start.Value:][: most.Value or None]
        return [ua.Variant(0, T.UInt32), ua.Variant(names, T.String, is_array=True), ua.Variant(0, T.Int32)]

    async def get(self, parent, name, _timeout):
        self.got.append(name.Value)
        result = self.kept.get(name.Value)
        error = 0 if result else REFUSED
        return [ua.Variant(0, T.UInt32), ua.Variant(result, T.ExtensionObject), ua.Variant(error, T.Int32)]

    async def acknowledge(self, parent, names):
        for name in names.Value:
            if self.kept.pop(name, None):
                self.truth.note({"acknowledged": name})
                self.acknowledged.append(name)
        return [ua.Variant(0, T.Int32)]

    async def work(self):
        while self.made < self.args.parts:
            await asyncio.sleep(self.args.cycle / 1000)
            if not self.paused:
                await self.make()
            elif self.late:
                await self.tell(self.late.pop(), dt.datetime.now(dt.timezone.utc))
        await asyncio.Event().wait()

    async def make(self):
        k = self.made + 1
        run = f"{self.run}-" if self.run else ""
        r = random.Random(f"BOLT{run}{k}")
        at = dt.datetime.now(dt.timezone.utc)
        name, serial, value = f"{r.getrandbits(64):016x}", f"BOLT-{run}{k:05d}", round(r.gauss(50, 2), 3)
        good = k % 10 != 0
        job = f"J{k % self.args.stations}"
        meta = ua.ResultMetaDataType(ResultId=name, PartId=serial, CreationTime=at, ResultEvaluation=1 if good else 2, JobId=job)
        meta.ProcessingTimes = ua.ProcessingTimesDataType(StartTime=at, EndTime=at)
        self.kept[name] = ua.ResultDataType(ResultMetaData=meta, ResultContent=[ua.Variant(value, T.Double)])
        while len(self.kept) > self.args.keep:
            self.kept.pop(next(iter(self.kept)))
        self.truth.part({"station": "BOLT", "serial": serial, "name": name, "value": value, "good": good, "job": job, "at": plc.now_ns()})
        self.made = k
        if self.args.own:
            await self.tell_own(serial, value, good, job, at)
            return
        if k % 5 == 0:
            self.late.append(name)
            return
        for told in [name] * (2 if k % 4 == 0 else 1) + self.late:
            await self.tell(told, at)
        self.late.clear()

    async def tell(self, name, at):
        result = self.kept.get(name)
        if result and not self.args.whole:
            result = ua.ResultDataType(ResultMetaData=ua.ResultMetaDataType(ResultId=name))
        if result:
            self.event.event.Result = result
            await self.event.trigger(time_attr=at)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--truth", required=True)
    p.add_argument("--state", help="folder in which its ports are kept, so that it comes back at the same ones")
    p.add_argument("--parts", type=int, default=200)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--control", type=int, default=0)
    p.add_argument("--keep", type=int, default=1000)
    p.add_argument("--cycle", type=float, default=20, help="ms between two parts")
    p.add_argument("--stations", type=int, default=1)
    p.add_argument("--whole", action="store_true", help="events have all of the result")
    p.add_argument("--own", action="store_true", help="events of a type of its own")
    args = p.parse_args()
    logging.basicConfig(level=logging.CRITICAL)

    async def run():
        await Machine(args).serve()

    asyncio.run(run())


if __name__ == "__main__":
    main()
