# shellcheck shell=bash
# load: arrays, strings, regular expressions, objects with cycles, generators, serialisation; by its own allocator and by malloc
# compared: all output
version() { php -r 'printf("PHP %s\n", PHP_VERSION);'; }

prepare() {
  cat >load.php <<'END'
<?php
$words = [];
for ($i = 1; $i <= 150000; $i++) $words[] = str_repeat(base_convert((string)($i * 7919 % 9973), 10, 36), $i % 7 + 1);
$count = array_count_values($words);
arsort($count); ksort($count);
echo count($count), " ", md5(serialize($count)), "\n";
echo preg_replace_callback('/(\w)\1/', fn($m) => strtoupper($m[0]), implode(" ", array_slice($words, 0, 500))), "\n";
class Node { public $next; public $data; }
for ($i = 0; $i < 100000; $i++) { $a = new Node; $b = new Node; $a->next = $b; $b->next = $a; $a->data = str_repeat("d", $i % 100); }
echo gc_collect_cycles() > 0 ? "cycles\n" : "none\n";
function numbers($n) { for ($i = 0; $i < $n; $i++) yield $i => $i * $i; }
$sum = 0; foreach (numbers(200000) as $k => $v) $sum += $v % 7; echo $sum, "\n";
$doc = json_encode(array_map(fn($i) => ["id" => $i, "name" => "n$i", "tags" => ["a", "b"]], range(1, 20000)));
echo md5(json_encode(json_decode($doc, true), JSON_PRETTY_PRINT)), "\n";
usort($words, fn($x, $y) => strlen($x) <=> strlen($y) ?: strcmp($x, $y));
echo implode(",", array_slice($words, 0, 30)), "\n";
$tree = new SplPriorityQueue; foreach (range(1, 50000) as $i) $tree->insert($i, $i * 7919 % 10007);
$out = []; while (count($out) < 20) $out[] = $tree->extract(); sort($out); echo count($out), "\n";
$p = proc_open(["sort", "-r"], [["pipe", "r"], ["pipe", "w"]], $pipes);
fwrite($pipes[0], "1\n2\n3\n"); fclose($pipes[0]); echo stream_get_contents($pipes[1]); echo proc_close($p), "\n";
try { throw new RuntimeException("thrown"); } catch (RuntimeException $e) { echo $e->getMessage(), "\n"; }
END
}
run() {
  traced php load.php
  traced env USE_ZEND_ALLOC=0 php load.php
}
