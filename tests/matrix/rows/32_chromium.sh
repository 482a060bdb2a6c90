# shellcheck shell=bash
# load: headless Chromium loads a local page, runs its script, lays it out; prints the document, and a picture of it
# compared: the document, a checksum of the picture
version() { chromium --version 2>/dev/null | sed -E 's/.*Chromium ([0-9]+).*/Chromium \1/'; }

prepare() {
  cat >page.html <<'END'
<!doctype html><meta charset=utf-8><title>page</title><style>body{font:16px sans-serif} .b{float:left;width:40px;height:20px;margin:1px}</style>
<div id=out></div><script>
const out = document.getElementById("out"), list = [];
for (let i = 0; i < 2000; i++) { const d = document.createElement("div"); d.className = "b"; d.textContent = i;
  d.style.background = `hsl(${i % 360} 80% 60%)`; out.append(d); list.push({ i, s: String(i).repeat(3) }); }
const c = document.createElement("canvas"), g = c.getContext("2d"); g.fillRect(10, 10, 50, 50);
document.title = JSON.stringify(list).length + " " + list.sort((a, b) => b.i - a.i)[0].s + " " + c.toDataURL().length;
const w = new Worker(URL.createObjectURL(new Blob(["postMessage([...Array(1e5).keys()].reduce((a, b) => a + b))"])));
w.onmessage = (e) => { document.body.dataset.sum = e.data; };
</script>
END
}
run() {
  local options=(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --user-data-dir="$PWD/profile"
    --virtual-time-budget=3000 --run-all-compositor-stages-before-draw --disable-background-networking --disable-component-update --hide-scrollbars)
  traced chromium "${options[@]}" --dump-dom "file://$PWD/page.html" 2>dom.err
  traced chromium "${options[@]}" --screenshot="$PWD/page.png" --window-size=800,600 "file://$PWD/page.html" 2>shot.err
  sha256sum page.png
  grep -E 'vmtrace|Received signal|Segmentation' dom.err shot.err || :
}
