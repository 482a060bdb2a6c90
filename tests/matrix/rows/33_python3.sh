# shellcheck shell=bash
# load: Python's own regression tests in two processes, all modules but those of `python3.excluded`
# compared: the result of every module and of every test case in it
# note: `python3` runs each module of its regression tests that passes untraced in less than 6 s, twice with the same outcomes;
# note: `tests/matrix/rows/python3.excluded` has the others, each with its reason.
version() { /usr/bin/python3 --version | sed 's/P/p/'; }

run() {
  local left_out='^test_' excluded
  [ -z "${M_LONG:-}" ] || left_out='^test_[a-z0-9_]* [^s]|^test_[a-z0-9_]* skipped' # those that are slow are run
  mapfile -t excluded < <(grep -E "$left_out" "$here/rows/python3.excluded" | sed 's/ .*//')
  traced /usr/bin/python3 -m test -j2 --timeout 300 --junit-xml results.xml -x "${excluded[@]}" >log 2>&1 || echo "status $?"
  # The order of modules and how long they took depend on the machine.
  grep -E '^[0-9:]+ load avg' log | grep -oE '\] test_[a-z0-9_]+ (passed|failed|skipped|crashed|ran no tests|timed out).*' |
    sed 's/^\] //; s/ -- .*//; s/ ([0-9a-z. ]* sec)//; s/ in [0-9.]* .*//' | sort
  /usr/bin/python3 "$here/rows/python3_outcomes.py" results.xml
}
