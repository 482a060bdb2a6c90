# shellcheck shell=bash
# load: a static shell and its applets; `vmtrace run` refuses it, saying why, and exits with 126
# compared: all output
# traces: none
# note: `busybox` (Debian's busybox-static) is statically linked: there is no dynamic loader in it that could load
# note: libvmtrace.so. It runs as it always does, untraced, and `vmtrace run` says so instead of leaving an empty trace.
version() { busybox | sed -E 's/BusyBox v([0-9.]+).*/busybox \1, static/;q'; }

run() {
  traced busybox sh -c 'for i in $(seq 300); do echo "$i $((i * i))"; done | sort -r | md5sum; find /etc/apt | sort | wc -l'
  "$scratch/vmtrace" run -- busybox true && return 1
  [ $? = 126 ]
}
