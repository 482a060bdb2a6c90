#!/usr/bin/env bash
# tests/matrix/python3_choose.sh: makes rows/python3.excluded anew, the modules of Python's regression tests that the row
# python3 leaves out. A module stays in when it passes untraced, takes less than LIMIT seconds (6), and every test case of it
# ends the same way in two runs. Takes some ten minutes; run by hand, on a quiet machine, for another version of Python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readonly limit=${LIMIT:-6}
list=$here/rows/python3.excluded
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp"

# tests N ARGUMENT...: one run, to log.N and N.xml
tests() {
  (cd "$work" && env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC HOME="$work" TMPDIR="$work/tmp" \
    /usr/bin/python3 -m test -j2 --timeout 60 --junit-xml "$1.xml" "${@:2}" </dev/null >"log.$1" 2>&1) || :
}

# What the log says of each module that did not pass: module, reason.
troubled() {
  sed -nE 's/^[0-9:]+ load avg: .*\] (test_[a-z0-9_]+) (skipped|failed|crashed|timed out|ran no tests).*/\1 \2/p' "$1" |
    while read -r module what; do
      reason=$(sed -nE "s/^$module skipped -- (.*)/\1/p" "$1" | head -n 1)
      case $what in
      skipped) echo "$module skipped: ${reason:-a resource that is denied by default}" ;;
      ran*) echo "$module ran no tests" ;;
      timed*) echo "$module slow: more than 60 s for one test" ;;
      crashed) echo "$module slow, or its process ends by itself: crashed" ;;
      *) echo "$module fails untraced" ;;
      esac
    done
}

# module_of: the module of a test case's name, on each line of `name outcome`
module_of() { sed -E 's/^(test\.)?(test_[a-z0-9_]+).*/\2/'; }

tests 1
troubled "$work/log.1" >"$work/excluded"
/usr/bin/python3 - "$work/1.xml" "$limit" >>"$work/excluded" <<'END'
import collections, re, sys
import xml.etree.ElementTree as ET
seconds = collections.Counter()
for case in ET.parse(sys.argv[1]).getroot().iter("testcase"):
    found = re.match(r"(?:test\.)?(test_\w+)", case.get("name", ""))
    if found:
        seconds[found[1]] += float(case.get("time", 0))
for module, time in sorted(seconds.items()):
    if time >= float(sys.argv[2]):
        print(f"{module} slow: {time:.0f} s untraced")
END
mapfile -t without < <(sed 's/ .*//' "$work/excluded")
tests 2 -x "${without[@]}"
troubled "$work/log.2" >>"$work/excluded"
for i in 1 2; do /usr/bin/python3 "$here/rows/python3_outcomes.py" "$work/$i.xml" >"$work/outcomes.$i"; done
comm -3 "$work/outcomes.1" "$work/outcomes.2" | sed 's/^\t//' | module_of | sort -u | sed 's/$/ differs between two untraced runs/' >>"$work/excluded"
{
  echo "# Modules of Python's regression tests that the row python3 leaves out, and why; made by tests/matrix/python3_choose.sh"
  sort -k 1,1 -u "$work/excluded"
} >"$list"
grep -c '^test_' "$list"
