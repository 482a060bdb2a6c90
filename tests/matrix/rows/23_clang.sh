# shellcheck shell=bash
# load: the C and C++ files of the two rows above at -O2, and its static analyzer
# compared: all output, the assembly
version() { clang --version | sed -E 's/.*version ([0-9.]+).*/clang \1/;q'; }

prepare() {
  (. "$here/rows/21_gcc.sh" && prepare)
  (. "$here/rows/22_gxx.sh" && prepare)
}
run() {
  traced clang -O2 -S -o c.s large.c
  sha256sum c.s
  traced clang++ -std=c++17 -O2 -S -o cc.s large.cc
  sha256sum cc.s
  head -n 898 large.c >part.c
  traced clang --analyze -Xclang -analyzer-output=text part.c
}
