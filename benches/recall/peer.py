"""Loads links and items into SQLite, in memory, and asks it for all that is reached from one node: the nodes alone, then
their names and states, which stand beside each other and are kept as they are now.

Arguments: the file of links (part and whole a line), that of items (node, name, state, and the node of the container that
it is in, or nothing, apart by tabs), the node to begin with, "forward" or "backward". Prints the version of SQLite, the best
time of several for nodes and for names in seconds, how many nodes there are, these, and name, state and container of each.
"""
import sqlite3
import sys
import time

links, items, begin, way = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
db = sqlite3.connect(":memory:")
db.execute("PRAGMA temp_store = MEMORY")
db.execute("PRAGMA cache_size = -1000000")
db.execute("CREATE TABLE link (part INTEGER, whole INTEGER, PRIMARY KEY (part, whole)) WITHOUT ROWID")
with open(links) as lines:
    rows = (line.split() for line in lines)
    db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?)", rows)
db.execute("CREATE INDEX back ON link (whole, part)")
db.execute("CREATE TABLE item (node INTEGER PRIMARY KEY, name TEXT, state TEXT, host INTEGER)")
with open(items) as lines:
    rows = (line.rstrip("\n").split("\t") for line in lines)
    db.executemany("INSERT INTO item VALUES (?, ?, ?, nullif(?, ''))", rows)
db.execute("ANALYZE")
here, there = ("part", "whole") if way == "forward" else ("whole", "part")
walk = (
    "WITH RECURSIVE reached (node) AS (VALUES (?) UNION "
    f"SELECT link.{there} FROM reached JOIN link ON link.{here} = reached.node) "
)
ids = walk + "SELECT node FROM reached"
named = walk + (
    "SELECT item.name, item.state, host.name FROM reached JOIN item ON item.node = reached.node "
    "LEFT JOIN item AS host ON host.node = item.host"
)


def timed(query):
    best, found = None, []
    for _ in range(7):
        begun = time.perf_counter()
        found = db.execute(query, (begin,)).fetchall()
        took = time.perf_counter() - begun
        best = took if best is None else min(best, took)
    return best, found


(ids_took, nodes), (named_took, names) = timed(ids), timed(named)
print(sqlite3.sqlite_version, ids_took, named_took, len(nodes), sep="\n")
print("\n".join(str(node) for (node,) in nodes))
print("\n".join(f"{name}\t{state}\t{host or ''}" for name, state, host in names))
