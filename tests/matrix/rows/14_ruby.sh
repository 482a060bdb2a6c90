# shellcheck shell=bash
# load: strings, hashes, big numbers, garbage collection and compaction, threads, fibers, fork, exceptions, JSON
# compared: all output
version() { ruby -e 'puts "ruby #{RUBY_VERSION}"'; }

prepare() {
  cat >load.rb <<'END'
require "json"
require "digest"
words = (1..100_000).map { |i| (i * 7919 % 9973).to_s(36) * (i % 7 + 1) }
puts words.tally.sort_by { |w, n| [-n, w] }.first(20).inspect
puts words.group_by(&:size).transform_values(&:size).sort.inspect
puts (1..400).inject(:*)
puts (2**5000).to_s.size
GC.start(full_mark: true)
GC.compact if GC.respond_to?(:compact)
doc = { "list" => (1..20_000).map { |i| { "id" => i, "name" => "n#{i}", "tags" => %w[a b c] } } }
text = JSON.generate(doc)
puts Digest::SHA256.hexdigest(JSON.pretty_generate(JSON.parse(text)))
queue = Queue.new
threads = 4.times.map { |t| Thread.new { 5_000.times { |i| queue << "#{t}:#{i}" } } }
threads.each(&:join)
items = []
items << queue.pop until queue.empty?
puts items.sort.join.sum
fiber = Fiber.new { 1000.times { |i| Fiber.yield "x" * i }; nil }
total = 0
while (s = fiber.resume) do total += s.size end
puts total
reader, writer = IO.pipe
pid = fork { reader.close; writer.puts (1..1000).map(&:to_s).reverse.join(","); exit!(7) }
writer.close
puts reader.read.size
Process.wait(pid)
puts $?.exitstatus
begin
  def deep(n) = deep(n + 1)
  deep(0)
rescue SystemStackError => e
  puts e.class
end
puts `echo from a shell`
puts "ünïcödé".unicode_normalize(:nfd).bytes.inspect
puts words.join(" ").gsub(/(\w)\1/) { |m| m.upcase }.scan(/[A-Z]+/).size
END
}
run() { traced ruby load.rb; }
