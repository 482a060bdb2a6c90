"""python3_outcomes.py XML: every test case of a run of Python's regression tests, and how it ended, a line each.

XML is what `python3 -m test --junit-xml` wrote. Durations and messages are left out: they differ between any two runs.
Called by 33_python3.sh and python3_choose.sh; it runs no tests.
"""
import re
import sys
import xml.etree.ElementTree as ET

KINDS = {"error": "ERROR", "failure": "FAIL", "skipped": "skipped", "output": "expected failure"}


def outcome(case):
    for kind, name in KINDS.items():
        if case.find(kind) is not None:
            return name
    return "ok" if case.get("outcome") is None else case.get("outcome")


def main():
    lines = []
    for case in ET.parse(sys.argv[1]).getroot().iter("testcase"):
        # Addresses of objects are part of some names.
        name = re.sub(r"0x[0-9a-f]+", "0x", case.get("name", "?")).split("\n")[0]
        lines.append(f"{name} {outcome(case)}")
    print("\n".join(sorted(lines)))


main()
