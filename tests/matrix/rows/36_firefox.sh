# shellcheck shell=bash
# load: headless Firefox with its sandboxed processes draws a local page whose script makes 2,000 boxes and a worker
# compared: a checksum of the picture, that no sandbox complained
# note: Firefox allocates with a malloc of its own, linked into the program: its traces have the mappings, and say so.
# untraced: allowed
version() { firefox-esr --version 2>/dev/null | sed 's/Mozilla //'; }

prepare() {
  cat >page.html <<'END'
<!doctype html><meta charset=utf-8><title>page</title>
<style>body{margin:0} .b{float:left;width:40px;height:20px;margin:1px}</style><div id=out></div><script>
for (let i = 0; i < 2000; i++) { const d = document.createElement("div"); d.className = "b";
  d.style.background = `hsl(${i % 360} 80% 60%)`; document.getElementById("out").append(d); }
new Worker(URL.createObjectURL(new Blob(["postMessage([...Array(1e5).keys()].reduce((a, b) => a + b))"])));
</script>
END
}
run() {
  mkdir profile
  traced env MOZ_HEADLESS=1 MOZ_DISABLE_AUTO_SAFE_MODE=1 firefox-esr --no-remote --profile "$PWD/profile" \
    --window-size=800,600 --screenshot "$PWD/page.png" "file://$PWD/page.html" >out.log 2>&1
  [ -s page.png ] && /usr/bin/python3 - <<'END'
import hashlib, struct, zlib
data, at, bits = open("page.png", "rb").read(), 8, b""
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    bits += data[at + 8:at + 8 + n] if kind in (b"IHDR", b"IDAT") else b""
    at += n + 12
print(hashlib.sha256(bits).hexdigest())
END
  grep -iE 'vmtrace:|sandbox.*(violation|crash)|crashed|Segmentation' out.log || :
}
