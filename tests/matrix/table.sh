#!/usr/bin/env bash
# tests/matrix/table.sh [-r]: the results in build/matrix as a table of text; -r: as Markdown into README.md beside it, between its
# two marker comments, if every row has a result. Called by matrix.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=${here%/tests/matrix}
results=$top/build/matrix

header() { sed -n "s/^# $2: //p" "$1"; }

# One line per row: fields apart by |. Format: text or markdown.
lines() {
  local row name
  for row in "$here"/rows/*.sh; do
    name=${row##*/[0-9][0-9]_} name=${name%.sh}
    [ -e "$results/$name.result" ] || continue
    awk -v format="$1" -v name="$name" -v what="$(header "$row" load)" -v compared="$(header "$row" compared)" '
      function cell(mode) {
        if (!(mode in verdict)) return "-"
        if (verdict[mode] != "same") return format == "markdown" ? "**" verdict[mode] "**" : verdict[mode]
        if (!traces[mode]) return "as untraced"
        return sprintf("%.2f / %.2f", cpu["untraced"] ? cpu[mode] / cpu["untraced"] : 0, rss["untraced"] ? rss[mode] / rss["untraced"] : 0)
      }
      function grouped(n,   s) {
        for (s = ""; n >= 1000; n = int(n / 1000)) s = sprintf(",%03d", n % 1000) s
        return n s
      }
      $1 == "version" { sub(/^version /, ""); version = $0; next }
      { verdict[$1] = $2; cpu[$1] = $3; rss[$1] = $5; traces[$1] = $6; events[$1] = $7 }
      END {
        split("pin glibc jemalloc mimalloc tcmalloc", modes, " ")
        line = format == "markdown" ? "| " version " | " what " | " compared : name
        line = line " | " grouped(traces["pin"]) " | " grouped(events["pin"])
        for (i = 1; i <= 5; i++) line = line " | " cell(modes[i])
        print line (format == "markdown" ? " |" : "")
      }' "$results/$name.result"
  done
}

notes() { for row in "$here"/rows/*.sh; do header "$row" note; done; }

text() {
  {
    echo "program | processes | events | pinned | next: glibc | jemalloc | mimalloc | tcmalloc"
    lines text
  } | column -t -s '|'
}

markdown() {
  echo "| program | load | compared | processes | events | pinned | next: glibc | jemalloc | mimalloc | tcmalloc |"
  echo "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"
  lines markdown
  echo
  echo "Run of $(cat "$results/run")."
  echo
  notes
}

if [ "${1:-}" != -r ]; then
  text
  exit
fi
for row in "$here"/rows/*.sh; do
  name=${row##*/[0-9][0-9]_} name=${name%.sh}
  [ -e "$results/$name.result" ] || {
    echo "table: $name has no result yet: README.md stays as it is" >&2
    exit
  }
done
markdown >"$results/table.md"
awk -v table="$results/table.md" '
  /^<!-- matrix: end -->$/ { inside = 0 }
  !inside { print }
  /^<!-- matrix: begin/ { inside = 1; while ((getline line <table) > 0) print line }' "$here/README.md" >"$results/README.new"
cat "$results/README.new" >"$here/README.md"
