"""What the stand-in PLCs share: retained state, the truth file, the restart plan, the control port."""
import asyncio
import itertools
import json
import os
import socket
import sys
import time

HOST = os.environ.get("PLC_HOST", "127.0.0.1")


def now_ns():
    return time.time_ns()


def free_port(given=itertools.count(1)):
    """Below those that the system itself gives to whoever connects or takes any: of these one may be gone before it is listened at, and
    again while its PLC is off. Each process begins elsewhere."""
    for n in given:
        port = 20_000 + (os.getpid() * 97 + n) % 12_000
        with socket.socket() as s:
            try:
                s.bind((HOST, port))
            except OSError:
                continue
            return port


def sync_dir(path):
    fd = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class State:
    """Retained memory: a JSON file, replaced whole and synced before anything depends on it."""

    def __init__(self, folder, name, fresh):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, name)
        self.data = dict(fresh)
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                self.data.update(json.load(f))

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, value):
        self.data[key] = value

    def save(self):
        tmp = self.path + ".new"
        with open(tmp, "w", encoding="utf-8") as f:
            json.dump(self.data, f)
            f.flush()
            os.fsync(f.fileno())
        os.replace(tmp, self.path)
        sync_dir(os.path.dirname(self.path))


def ports(args, name):
    """Its port and that of its control; with `--state` they are kept."""
    state = State(args.state, name + ".json", {"port": 0, "control": 0}) if args.state else {"port": 0, "control": 0}
    for key in ("port", "control"):
        state[key] = getattr(args, key) or state[key] or free_port()
    if args.state:
        state.save()
    return state["port"], state["control"]


class Truth:
    """What really happened: JSON Lines, synced line by line. A part is written once, whatever restarts."""

    def __init__(self, path):
        self.serials, self.ended, self.runs = set(), False, 0
        if os.path.exists(path):
            with open(path, "rb") as f:
                raw = f.read()
            whole = raw[: raw.rfind(b"\n") + 1]
            if len(whole) != len(raw):  # a line torn by a kill
                os.truncate(path, len(whole))
            for line in whole.splitlines():
                row = json.loads(line)
                self.ended |= "end" in row
                self.runs += "run" in row
                if "serial" in row:
                    self.serials.add(row["serial"])
        self.file = open(path, "a", encoding="utf-8")
        sync_dir(os.path.dirname(os.path.abspath(path)))

    def note(self, row):
        """A line that a kill of the process leaves there; it must not take time."""
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()

    def line(self, row):
        self.note(row)
        os.fsync(self.file.fileno())

    def part(self, row):
        if row["serial"] not in self.serials:
            self.serials.add(row["serial"])
            self.line(row)

    def end(self, parts):
        if not self.ended:
            self.ended = True
            self.line({"end": True, "parts": parts})


class Plan:
    """`40:keep,90:reset,130:keep-mid`: which restart belongs to which part."""

    def __init__(self, text, between, mid):
        self.entries = []
        for item in filter(None, (text or "").split(",")):
            k, kind = item.strip().split(":")
            if kind not in between and kind not in mid:
                raise SystemExit(f"unknown restart {kind!r}; known: {', '.join((*between, *mid))}")
            self.entries.append((int(k), kind))
        self.between, self.mid = set(between), set(mid)
        self.entries.sort(key=lambda e: (e[0], e[1] in self.between))

    def _next(self, state, stale):
        while state["restarts_done"] < len(self.entries):
            k, kind = self.entries[state["restarts_done"]]
            if not stale(k, kind):
                return k, kind
            state["restarts_done"] += 1
        return None, None

    def after(self, state, done):
        """The restart due now, between two parts, `done` of them finished; or None."""
        k, kind = self._next(state, lambda k, kind: k < done or (k == done and kind in self.mid))
        return kind if k == done and kind in self.between else None

    def during(self, state, part, names):
        """The restart due while `part` waits for an ack, when its kind is one of `names`; or None."""
        k, kind = self._next(state, lambda k, kind: k < part)
        return kind if k == part and kind in names else None


def restart(truth, state, row):
    """Leave by exec: every socket closes, memory is gone, only the state file is left."""
    state["restarts_done"] += 1
    state.save()
    truth.line({**row, "at": now_ns()})
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def onoff(word):
    if word not in ("on", "off"):
        raise ValueError("on or off")
    return word == "on"


async def control(port, commands):
    """A line in, an answer and `ok` (or `err …`) out. A command is a function of its words, async or not."""

    async def client(reader, writer):
        try:
            while line := await reader.readline():
                words = line.decode().split()
                if not words:
                    continue
                try:
                    answer = commands[words[0]](*words[1:])
                    if asyncio.iscoroutine(answer):
                        answer = await answer
                    if answer is not None:
                        writer.write(f"{answer}\n".encode())
                    writer.write(b"ok\n")
                except Exception as e:  # the answer is the report
                    writer.write(f"err {e!r}\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    for attempt in range(50):
        try:
            return await asyncio.start_server(client, HOST, port)
        except OSError:
            if attempt == 49:
                raise
            await asyncio.sleep(0.1)


def up(**row):
    print(json.dumps(row), flush=True)
