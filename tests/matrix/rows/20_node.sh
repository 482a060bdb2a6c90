# shellcheck shell=bash
# load: four worker threads with shared memory and messages, JSON, buffers, zlib, crypto, a child process, WebAssembly
# compared: all output
version() { node --version | sed 's/^v/node /'; }

prepare() {
  cat >load.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const crypto = require("crypto"), zlib = require("zlib"), { execFileSync } = require("child_process");
if (!isMainThread) {
  const counter = new Int32Array(workerData.shared);
  const words = {};
  for (let i = 0; i < 150000; i++) {
    const w = ((i * 7919 + workerData.id) % 9973).toString(36).repeat(i % 5 + 1);
    words[w] = (words[w] || 0) + 1;
    Atomics.add(counter, 0, 1);
  }
  const buffers = [];
  for (let i = 0; i < 2000; i++) buffers.push(Buffer.alloc(10000, i & 255));
  const hash = crypto.createHash("sha256");
  for (const b of buffers) hash.update(b);
  parentPort.postMessage({ id: workerData.id, words: Object.keys(words).length, hash: hash.digest("hex") });
} else {
  const shared = new SharedArrayBuffer(4), done = [];
  const start = (id) => new Promise((resolve, reject) => {
    const w = new Worker(__filename, { workerData: { id, shared } });
    w.on("message", (m) => done.push(m));
    w.on("error", reject);
    w.on("exit", resolve);
  });
  (async () => {
    for (let round = 0; round < 2; round++) await Promise.all([0, 1, 2, 3].map((i) => start(round * 4 + i)));
    done.sort((a, b) => a.id - b.id).forEach((m) => console.log(m.id, m.words, m.hash));
    console.log(new Int32Array(shared)[0]);
    const doc = JSON.stringify(Array.from({ length: 50000 }, (_, i) => ({ id: i, name: "n" + i, tags: ["a", "b"] })));
    console.log(crypto.createHash("md5").update(JSON.stringify(JSON.parse(doc))).digest("hex"));
    const packed = await new Promise((r) => zlib.gzip(doc, { level: 6 }, (e, b) => r(b)));
    console.log(zlib.gunzipSync(packed).toString() === doc, zlib.brotliDecompressSync(zlib.brotliCompressSync(doc.slice(0, 200000))).length);
    const keys = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      new Promise((r) => crypto.scrypt("password", "salt" + i, 32, (e, k) => r(k.toString("hex"))))));
    console.log(keys.join("\n"));
    console.log(execFileSync("sort", ["-r"], { input: "1\n2\n3\n" }).toString());
    const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
      10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
    const { instance } = await WebAssembly.instantiate(wasm);
    let sum = 0;
    for (let i = 0; i < 1000000; i++) sum = instance.exports.add(sum, i);
    console.log(sum);
  })();
}
END
}
run() { traced node load.js; }
