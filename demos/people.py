# Builds a table in memory: JSON parsed into objects, a database with an index, a cache of which a quarter is used.
# Takes a snapshot after each step where it runs under vmtrace; run it with PYTHONMALLOC=malloc to see its objects.
import ctypes
import json
import mmap
import sqlite3
import sys

process = ctypes.CDLL(None)


def snapshot(name):
    if hasattr(process, "vmtrace_snapshot"):  # it is not there when nothing traces the program
        process.vmtrace_snapshot(name.encode())


count = int(sys.argv[1]) if len(sys.argv) > 1 else 40000
text = json.dumps([{"id": i, "name": f"name {i:06}", "tags": [str(i), str(i % 7)]} for i in range(count)])
snapshot("start")
people = json.loads(text)
snapshot("parsed")
base = sqlite3.connect(":memory:")
base.execute("CREATE TABLE people (id INTEGER, name TEXT)")
base.executemany("INSERT INTO people VALUES (:id, :name)", people)
base.execute("CREATE INDEX by_name ON people (name)")
cache = mmap.mmap(-1, 64 << 20)
for page in range(0, 16 << 20, 4096):
    cache[page] = 1
snapshot("indexed")
with open("/proc/self/smaps_rollup") as rollup:
    print([line.strip() for line in rollup if line.startswith("Rss")][0])
del people
snapshot("dropped")
