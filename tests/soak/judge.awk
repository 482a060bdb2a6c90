# tests/soak/judge.awk: what a soak run measured, as a table; exits with 1 where a bar is missed. Reads NAME.slices,
# NAME.samples, NAME.traces and NAME.trouble, in this order, as soak.sh writes them. Called by soak.sh with the variables
# name, minutes, unit.
#
# The bars: traced throughput at least 0.85 of untraced, in the median; own memory, at any minute after the reference, at most
# 5% more than there, beside what new call stacks take; no event lost, no trace incomplete; no trouble.
function commas(n,   s) {
  for (s = ""; n >= 1000; n = int(n / 1000)) s = sprintf(",%03d", n % 1000) s
  return int(n) s
}
function sort(a, n,   i, j, v) {
  for (i = 2; i <= n; i++) {
    v = a[i]
    for (j = i - 1; j > 0 && a[j] > v; j--) a[j + 1] = a[j]
    a[j + 1] = v
  }
}
function median(a, n) { return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
function bar(text, met) {
  if (!met) missed = 1
  return sprintf("bar %s: %s", text, met ? "met" : "MISSED")
}

BEGIN { rounds = 0 } # the first untraced slice has index 0
FILENAME ~ /\.slices$/ {
  # Slices come in the order untraced, traced, untraced ...: each traced one has two neighbours.
  if ($1 == "traced") { traced_rate[++rounds] = 1000 * $3 / $2; traced_cpu[rounds] = $4 / $3 }
  else { plain_rate[rounds] = 1000 * $3 / $2; plain_cpu[rounds] = $4 / $3 }
}
FILENAME ~ /\.samples$/ {
  processes = $2; own = $3; tables = $4; rss = $5
  if ($7 != "-" && !reference) { reference = $1; first_own = own; first_tables = tables; first_rss = rss; first_nodes = $7 }
  else if (reference && own > most) most = own
  if ($7 != "-") { nodes = $7; last = $1 }
}
FILENAME ~ /\.traces$/ { traces = $1; events = $2; lost = $3; cut = $4; bytes = $5 }
FILENAME ~ /\.trouble$/ { trouble[++troubles] = $0 }

END {
  for (i = 1; i <= rounds; i++) {
    ratio[i] = traced_rate[i] / ((plain_rate[i - 1] + plain_rate[i]) / 2)
    cpu[i] = traced_cpu[i] / ((plain_cpu[i - 1] + plain_cpu[i]) / 2)
    rates[i] = traced_rate[i]; plain[i] = plain_rate[i]
  }
  if (!rounds || !reference || last == reference || !traces) {
    print name ": nothing was measured"
    for (i = 1; i <= troubles; i++) print "  " trouble[i]
    exit 1
  }
  sort(ratio, rounds); sort(cpu, rounds); sort(rates, rounds); sort(plain, rounds)
  printf "%s, %d minutes, %d rounds of load\n", name, minutes, rounds
  printf "  throughput     %s %s/s traced, %s untraced (medians); ratio %.3f in the median of pairs, %.3f to %.3f; %s\n",
    commas(median(rates, rounds)), unit, commas(median(plain, rounds)), median(ratio, rounds), ratio[1], ratio[rounds],
    bar("0.85", median(ratio, rounds) >= 0.85)
  printf "  CPU time       %.3f x of untraced per unit of work, in the median of pairs\n", median(cpu, rounds)
  # A new node takes two slots of 16 bytes at least, eight at most, when the table has just doubled.
  allowed = first_own * 1.05 + (nodes - first_nodes) * 128 / 1024
  printf "  own memory     %s KiB after %d s, %s KiB after %d s, in %d process%s, with %s new stack nodes; %s\n", commas(first_own), reference,
    commas(own), last, processes, processes == 1 ? "" : "es", commas(nodes - first_nodes), bar("+5%, at any minute", most <= allowed)
  printf "    of it        tables of the heap: %s KiB, then %s KiB; the processes' Rss: %s MiB, then %s MiB\n",
    commas(first_tables), commas(tables), commas(first_rss / 1024), commas(rss / 1024)
  printf "  traces         %s, %s events, %s MB, %.2f bytes per event; %d lost, %d incomplete; %s\n", commas(traces), commas(events),
    commas(bytes / 1e6), bytes / events, lost, cut, bar("0", lost + cut == 0)
  printf "  trouble        %s; %s\n", troubles ? trouble[1] : "none", bar("none", !troubles)
  for (i = 2; i <= troubles && i <= 10; i++) print "                 " trouble[i]
  exit missed
}
