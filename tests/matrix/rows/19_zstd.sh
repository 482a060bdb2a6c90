# shellcheck shell=bash
# load: 60 MB compressed by two threads at levels 3 and 15, long window, a trained dictionary, tested, unpacked
# compared: checksums of archives and contents
version() { zstd --version | sed -E 's/.*v([0-9.]+).*/zstd \1/;q'; }

prepare() {
  seq 7500000 >data
  mkdir samples
  split -b 2000 -a 4 <(head -c 2000000 data) samples/s
}
run() {
  traced zstd -q -T2 -3 -k data -o three.zst
  traced zstd -q -T2 -15 --long=27 -k <(head -c 12000000 data) -o fifteen.zst
  traced zstd -q -t three.zst
  traced zstd -q -dc --long=27 fifteen.zst | sha256sum
  traced zstd -q --train samples/* -o dictionary
  traced zstd -q -D dictionary -k samples/saaaa -o small.zst
  sha256sum three.zst fifteen.zst dictionary small.zst
}
