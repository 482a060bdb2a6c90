# shellcheck shell=bash
# load: a tree of 5,000 files with links and a sparse file archived, compressed by a pipe, listed, unpacked, compared
# compared: all output, checksums of the archives, the unpacked tree
version() { tar --version | sed -E 's/.*\) ([0-9.]+).*/tar \1/;q'; }

prepare() {
  local i
  mkdir -p tree/{a..z}
  for i in {1..5000}; do
    printf '%s\n' "$i" $((i * 7919)) $((i * i * i)) >"tree/$(printf '\x'"$(printf %x $((97 + i % 26)))")/file$i"
  done
  seq 500000 >tree/large
  ln -s ../a/file26 tree/b/symbolic
  ln tree/large tree/hard
  truncate -s 64M tree/sparse
}
run() {
  local options=(--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner)
  traced tar "${options[@]}" -S -cf all.tar tree
  sha256sum all.tar
  GZIP=-n traced tar "${options[@]}" -S -czf all.tar.gz tree
  traced tar -tzvf all.tar.gz
  mkdir unpacked
  traced tar -C unpacked -xf all.tar
  diff -r tree unpacked/tree
  find unpacked -printf '%P %l %n %s\n' | LC_ALL=C sort | sha256sum
  traced tar -df all.tar 2>&1 | grep -vE 'Mod time|[UG]id differs' || echo "no other difference"
}
