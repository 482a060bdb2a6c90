# shellcheck shell=bash
# load: `make -j2` of Debian's source package lua5.4 with make, shell and compiler traced; then what it built runs, traced
# compared: all output, a checksum of the program and its library
version() { make --version | sed -E 's/GNU Make/make/;q'; }

# The source package through apt, with lists of its own: nothing is said about deb-src on a fresh machine, and nothing of
# the system's is changed.
prepare() {
  local mirror
  mirror=$(sed -nE 's/^deb (\[.*\] )?(https?:[^ ]+) bookworm .*/\2/p; s/^URIs: ([^ ]+).*/\1/p' /etc/apt/sources.list \
    /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1 || :)
  if [ -z "$mirror" ]; then
    echo "apt's sources name no mirror of Debian" >&2
    return 1
  fi
  mkdir -p apt/lists/partial apt/cache/archives/partial
  echo "deb-src $mirror bookworm main" >apt/sources.list
  local options=(-q -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/apt/lists"
    -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" --download-only --only-source source lua5.4
  tar -xzf lua5.4_*.orig.tar.gz
  mv lua-5.4.* lua
  rm -rf apt
}
run() {
  # The order of two jobs' lines depends on which is first.
  traced make -C lua/src -j2 --no-print-directory linux >log 2>&1 || return
  grep -v '^make' log | sort
  sha256sum lua/src/lua lua/src/liblua.a
  traced lua/src/lua -e 'local t = {} for i = 1, 300000 do t[i] = ("x"):rep(i % 50) .. i end table.sort(t) print(#t, t[1], t[300000])
    local c = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(i) end end) local s = 0 for i = 1, 1000 do s = s + c() end print(s)'
}
