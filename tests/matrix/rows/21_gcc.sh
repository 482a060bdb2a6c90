# shellcheck shell=bash
# load: a C file of 500 functions at -O2, with link-time optimisation, and the program run
# compared: all output, the assembly
version() { gcc -dumpfullversion | sed 's/^/gcc /'; }

prepare() {
  {
    echo '#include <stdio.h>'
    for i in {1..500}; do
      echo "int f$i(int x) { int a[$i]; for (int i = 0; i < $i; i++) a[i] = x * i ^ $i;"
      echo "  switch (x % 7) { case 1: return a[x % $i] + 1; case 2: return a[0] - x; case 3: return $i; default: break; }"
      echo "  return a[x % $i] + (x > $i ? f$((i > 1 ? i - 1 : 1))(x - 1) : 0); }"
    done
    echo 'int main(void) { printf("%d %d\n", f500(7), f300(77)); }'
  } >large.c
}
run() {
  traced gcc -O2 -S -o large.s large.c
  sha256sum large.s
  traced gcc -O1 -flto=2 -o large large.c
  ./large
}
