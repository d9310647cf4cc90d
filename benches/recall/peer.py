"""Loads links into SQLite, in memory, with a covering index each way, and walks them by a recursive query.

Arguments: the file of links (part and whole a line), the node to begin with, "forward" or "backward". Prints the version of
SQLite, the best time of several in seconds, and the nodes reached.
"""
import sqlite3
import sys
import time

links, begin, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE link (part INTEGER, whole INTEGER, PRIMARY KEY (part, whole)) WITHOUT ROWID")
with open(links) as lines:
    rows = (line.split() for line in lines)
    db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?)", rows)
db.execute("CREATE INDEX back ON link (whole, part)")
db.execute("ANALYZE")
here, there = ("part", "whole") if way == "forward" else ("whole", "part")
walk = (
    "WITH RECURSIVE reached (node) AS (VALUES (?) UNION "
    f"SELECT link.{there} FROM reached JOIN link ON link.{here} = reached.node) SELECT node FROM reached"
)
best = None
for _ in range(7):
    begun = time.perf_counter()
    found = db.execute(walk, (begin,)).fetchall()
    took = time.perf_counter() - begun
    best = took if best is None else min(best, took)
print(sqlite3.sqlite_version)
print(best)
print("\n".join(str(node) for (node,) in found))
