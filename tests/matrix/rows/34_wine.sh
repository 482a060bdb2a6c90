# shellcheck shell=bash
# load: wine makes a new prefix, then runs Windows' cmd and reg in it
# compared: what cmd and reg say, the registry of the prefix
version() { wine --version | head -n 1; }

wine_env=(WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" DISPLAY=)
server() { env "${wine_env[@]}" wineserver "$@"; }

run() {
  export WINEPREFIX=$PWD/prefix
  traced env "${wine_env[@]}" wine wineboot -i >boot.log 2>&1
  server -w
  traced env "${wine_env[@]}" wine cmd /c 'echo hello & ver & set /a 6*7 & for %i in (a b c) do @echo %i' 2>/dev/null
  traced env "${wine_env[@]}" wine reg add 'HKCU\Software\Row' /v value /d 42 /f 2>/dev/null
  traced env "${wine_env[@]}" wine reg query 'HKCU\Software\Row' 2>/dev/null
  server -w
  grep -c '^\[' prefix/system.reg
  grep -E 'vmtrace:|Unhandled|page fault' boot.log || :
}
normalise() { tr -d '\r'; }
