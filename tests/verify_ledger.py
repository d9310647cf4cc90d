"""Verifies a ledger, its checkpoints and proofs, from docs/ledger-format.md alone.

usage: verify_ledger.py ledger FOLDER CHECKPOINTS KEY | proof FILE KEY
Prints what is wrong, a line each, and ends with 1; else says what was verified. The daemon is stopped: a
frame that was being written counts as damage here.
"""
import base64, hashlib, pathlib, re, sys, zlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
leaf = lambda record: sha(b"\0", record)
node = lambda left, right: sha(b"\1", left, right)


class Wrong(Exception):
    pass


def cbor(b, at=0):
    """The item at `at` and where it ends."""
    kind, n, at = b[at] >> 5, b[at] & 31, at + 1
    if n > 23:
        size = 1 << (n - 24)
        n, at = int.from_bytes(b[at : at + size], "big"), at + size
    if kind in (0, 7):
        return n, at
    if kind == 1:
        return -1 - n, at
    if kind in (2, 3):
        if at + n > len(b):
            raise Wrong("a text or byte string is cut off")
        return (b[at : at + n] if kind == 2 else b[at : at + n].decode()), at + n
    items = []
    for _ in range(n * (2 if kind == 5 else 1)):
        item, at = cbor(b, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == 5 else items), at


def frame(b, at):
    """The body of the frame at `at`, decoded, and where the frame ends."""
    n, crc = int.from_bytes(b[at : at + 4], "little"), int.from_bytes(b[at + 4 : at + 8], "little")
    body = b[at + 8 : at + 8 + n]
    if not 1 <= n <= 16777216 or len(body) < n or zlib.crc32(b[at : at + 4] + body) != crc:
        raise Wrong("a frame is cut off or changed")
    item, end = cbor(body)
    if end != n:
        raise Wrong("something follows in a frame")
    return item, at + 8 + n


class Tree:
    """Grows to the right; keeps the peaks, largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, hash, level=0):
        """Adds a leaf, or a perfect subtree of 2**level leaves."""
        n, self.size = self.size >> level, self.size + (1 << level)
        while n & 1:
            hash, n = node(self.peaks.pop(), hash), n >> 1
        self.peaks.append(hash)

    def extend(self, count, hashes):
        """Adds the fewest perfect subtrees, aligned to their size, that cover `count` leaves."""
        for hash in hashes:
            level = min((self.size & -self.size or count).bit_length(), count.bit_length()) - 1
            if count < 1:
                break
            self.push(hash, level)
            count -= 1 << level
        if count or not hashes:
            raise Wrong("hashes of what was dropped are missing")

    def root(self):
        peaks = self.peaks[:] or [sha()]
        while len(peaks) > 1:
            right = peaks.pop()
            peaks.append(node(peaks.pop(), right))
        return peaks[0]


def note(text, key):
    """A checkpoint whose signature is good: site, size, root; None if it is cut off."""
    body, _, signatures = text.rpartition("\n\n")
    if not body or not signatures.endswith("\n"):
        return None
    body += "\n"
    origin, size, root, time = (body.split("\n") + [""] * 4)[:4]
    id, good = sha(origin.encode(), b"\n\1", key)[:4], False
    for line in signatures.splitlines():
        dash, name, blob = (line.split(" ") + ["", ""])[:3]
        if len(blob) < (92 if name == origin else 1):
            return None
        blob = base64.b64decode(blob, validate=True)
        if name == origin and blob[:4] == id:
            Ed25519PublicKey.from_public_bytes(key).verify(blob[4:], body.encode())
            good = True
    if not good or not re.fullmatch(r"pedigree/[^/\s]+/\d+\n\d+\n\S{44}\ntime \S+Z\n", body):
        raise Wrong("no signature by the key")
    return origin.split("/")[1], int(size), base64.b64decode(root)


def is_begun(text):
    """Whether it may be a checkpoint that is cut off."""
    lines = r"(?:[^\r\n\u2014]*\n){0,3}[^\r\n\u2014]*(?:\n(?:\n[^\r\n]*)?)?"
    return "pedigree/".startswith(text[:9]) and re.fullmatch(lines, text)


def checkpoints(data, key, faults):
    """Those of a file whose signature is good. Only the last may be cut off."""
    found, text = [], data.decode(errors="replace")
    text = text.rstrip("\n") + "\n" * text.endswith("\n")
    texts = re.split(r"(?<=\n)\n+(?!\u2014|\ufffd\Z)", text)
    for at, text in enumerate(texts):
        try:
            found.append(note(text, key))
            if not found[-1] and not (at + 1 == len(texts) and is_begun(text)):
                raise Wrong("it is cut off, or the file was changed on its way")
        except (Wrong, InvalidSignature, ValueError) as why:
            faults.append(f"checkpoint {text.splitlines()[:2]}: {str(why) or 'its signature is wrong'}")
    return [checkpoint for checkpoint in found if checkpoint]


def segment(path, tree, roots, thinned, stones):
    """Adds a segment to the tree; whether it is sealed."""
    b = path.read_bytes()
    if b[:12] != b"PDGR-LED" + (1).to_bytes(4, "little") or b[12:16] not in (bytes(4), b"\1\0\0\0"):
        raise Wrong("its preamble is wrong")
    if b[12]:
        thinned[path.name] = int(path.stem), sha(b)
    header, at = frame(b, 16)
    if header[1] != int(path.stem) or header[1] != tree.size + 1:
        raise Wrong(f"it begins at {header[1]}, the record before is {tree.size}")
    if (header[2], header[3], header[4]) != (tree.size, tree.root(), tree.peaks):
        raise Wrong("its header does not follow the segment before")
    while at < len(b):
        try:
            body, at = frame(b, at)
        except Wrong as why:
            raise Wrong(f"from {tree.size + 1} on: {why}")
        if isinstance(body, dict) and 3 in body:
            if not b[12] or body[3] != tree.size + 1:
                raise Wrong(f"hashes from {body[3]} on, where {tree.size + 1} should be")
            tree.extend(body[4], body[5])
            roots[tree.size] = tree.root()
            continue
        if isinstance(body, dict):
            if at < len(b) or body != {0: tree.size, 1: tree.size - header[2], 2: tree.root()}:
                raise Wrong(f"{header[1]} to {body[0]}: its records are not those of its seal")
            return True
        for record in body[1:]:
            said = cbor(record)[0]
            if said[0] != tree.size + 1:
                raise Wrong(f"a record has the position of another, where {tree.size + 1} should be")
            if said[2][0] == 8:
                stones.add((said[2][1][0][0], said[2][1][0][5]))
            tree.push(leaf(record))
            roots[tree.size] = tree.root()
    return False


def ledger(folder, file, key):
    tree, faults, thinned, stones = Tree(), [], {}, set()
    roots = {0: tree.root()}
    signed = checkpoints(pathlib.Path(file).read_bytes(), key, faults)
    paths = sorted(pathlib.Path(folder).glob("*.seg"))
    for path in paths:
        try:
            if not segment(path, tree, roots, thinned, stones) and path != paths[-1]:
                raise Wrong(f"to {tree.size}: it has no seal")
        except Wrong as why:
            faults.append(f"{path.name}: {why}")
            break
    for name, thin in thinned.items():
        if thin not in stones:
            faults.append(f"{name}: it was thinned, and no tombstone names it as it is")
    for _, size, root in signed:
        if size > tree.size:
            faults.append(f"{tree.size + 1} to {size} are missing: a checkpoint has them")
        elif roots.get(size) != root:
            faults.append(f"among the first {size} are other records than were signed")
    if not signed:
        faults.append(f"{file}: no checkpoint can be read; take the file anew, byte by byte")
    return faults, f"{tree.size} records, {len(signed)} checkpoints agree"


def split(lo, hi):
    return lo + (1 << (hi - lo - 1).bit_length() - 1)


def climb(lo, hi, leaves, path):
    """The root over lo..hi from some leaves by index and the hashes that are missing."""
    if hi - lo == 1:
        return leaves[lo]
    mid, has = split(lo, hi), lambda a, b: any(a <= i < b for i in leaves)
    left = climb(lo, mid, leaves, path) if has(lo, mid) else None
    right = climb(mid, hi, leaves, path) if has(mid, hi) else None
    left = left or next(path)
    return node(left, right or next(path))


def grown(old, lo, hi, known, path):
    """The roots over lo..hi in the tree of `old` leaves and in the later one."""
    if old == hi:
        root = known or next(path)
        return root, root
    mid = split(lo, hi)
    if old <= mid:
        before, after = grown(old, lo, mid, known, path)
        return before, node(after, next(path))
    before, after = grown(old, mid, hi, None, path)
    left = next(path)
    return node(left, before), node(left, after)


def proof(file, key):
    b, hashes = pathlib.Path(file).read_bytes(), lambda b: iter([b[i : i + 32] for i in range(0, len(b), 32)])
    if b[:16] != b"PDGR-PRF" + (1).to_bytes(4, "little") + bytes(4):
        raise Wrong("its preamble is wrong")
    body, end = frame(b, 16)
    checkpoint, path = note(body[0], key), hashes(body[3])
    if end != len(b) or not checkpoint:
        raise Wrong("it is cut off, or something follows it")
    site, size, root = checkpoint
    leaves = {cbor(record)[0][0] - 1: leaf(record) for record in body[2]}
    if len(leaves) != len(body[2]) or not all(0 <= index < size for index in leaves):
        raise Wrong("a record is there twice, or beyond the checkpoint")
    if leaves and climb(0, size, leaves, path) != root or next(path, None):
        raise Wrong("its records are not those under the checkpoint")
    if 4 in body:
        earlier, path = note(body[4], key), hashes(body[5])
        if not earlier or earlier[0] != site or earlier[1] > size:
            raise Wrong("its earlier checkpoint is none of this ledger")
        if earlier[1] and grown(earlier[1], 0, size, earlier[2], path) != (earlier[2], root) or next(path, None):
            raise Wrong("the ledger was changed after its earlier checkpoint")
    return [], f"{len(leaves)} records under a checkpoint of {size}"


def main(what, *args):
    key = base64.b64decode(args[-1].strip().split("+", 2)[2])[1:]
    try:
        faults, said = {"ledger": ledger, "proof": proof}[what](*args[:-1], key)
    except (Wrong, InvalidSignature, StopIteration, KeyError, ValueError, IndexError) as why:
        faults, said = [f"{args[0]}: {str(why) or 'a signature or hash is wrong'}"], ""
    print("\n".join(faults) or said)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
