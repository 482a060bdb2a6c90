"""Workload: build, write and read JSON, as a small service does.  Run by the bench driver with PYTHONMALLOC=malloc."""
import json


def record(i):
    return {
        "id": i,
        "name": "user %d" % i,
        "tags": ["t%d" % (i * k % 97) for k in range(8)],
        "score": i / 7.0,
        "nested": {"path": "/a/%d/b/%d" % (i % 100, i), "on": i % 3 == 0, "none": None},
    }


def main():
    total = 0
    for turn in range(6):
        rows = [record(i + turn) for i in range(8000)]
        text = json.dumps(rows, sort_keys=True)
        back = json.loads(text)
        by_tag = {}
        for row in back:
            for tag in row["tags"]:
                by_tag.setdefault(tag, []).append(row["nested"]["path"].upper())
        total += len(text) + sum(len(paths) for paths in by_tag.values())
    print(total)


main()
