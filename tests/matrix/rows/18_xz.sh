# shellcheck shell=bash
# load: 20 MB compressed by two threads and by one, tested, unpacked
# compared: checksums of archives and contents
version() { xz --version | sed -E 's/.*\) /xz /;q'; }

prepare() { seq 2700000 >data; }
run() {
  traced xz -T2 -3 --block-size=2MiB -k data
  traced xz -t -T2 data.xz
  traced xz -T2 -dc data.xz | sha256sum
  traced xz -T1 -9e -c <(head -c 2000000 data) | sha256sum
  sha256sum data.xz
}
