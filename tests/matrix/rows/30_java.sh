# shellcheck shell=bash
# load: javac on a project of 120 classes, jar, and the program run: threads, collections, regular expressions, exceptions
# compared: all output, a checksum of every class file
version() { java -version 2>&1 | sed -E 's/.*"([0-9.]+)".*/OpenJDK \1/;q'; }

prepare() {
  local i
  mkdir -p src/many
  for i in {1..120}; do
    cat >"src/many/Part$i.java" <<END
package many;
import java.util.*;
import java.util.stream.*;
public final class Part$i {
  record Pair(int key, String text) {}
  interface Shape { double area(); }
  enum Kind implements Shape { SMALL { public double area() { return $i; } }, LARGE { public double area() { return $i * 2.0; } } }
  public static String run() {
    Map<Integer, List<Pair>> map = IntStream.range(0, 2000).mapToObj(n -> new Pair(n % $i, "p" + n))
      .collect(Collectors.groupingBy(Pair::key, TreeMap::new, Collectors.toList()));
    double area = Arrays.stream(Kind.values()).mapToDouble(Shape::area).sum();
    return map.size() + " " + map.values().stream().mapToInt(List::size).max().orElse(0) + " " + area;
  }
}
END
  done
  {
    echo 'package many; import java.util.*; import java.util.concurrent.*;'
    echo 'public class Main { public static void main(String[] args) throws Exception {'
    echo '  ExecutorService pool = Executors.newFixedThreadPool(4); List<Future<String>> all = new ArrayList<>();'
    for i in {1..120}; do echo "  all.add(pool.submit(Part$i::run));"; done
    echo '  for (Future<String> f : all) System.out.println(f.get()); pool.shutdown();'
    echo '  StringBuilder b = new StringBuilder(); for (int i = 0; i < 200000; i++) b.append(i % 10);'
    echo '  System.out.println(b.toString().replaceAll("(12)+3", "x").length());'
    echo '  byte[][] garbage = new byte[200][]; for (int i = 0; i < 20000; i++) garbage[i % 200] = new byte[10000];'
    echo '  try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null pointer"); }'
    echo '  try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }'
    echo '  System.gc(); Process p = new ProcessBuilder("sort", "-r", "-").redirectErrorStream(true).start();'
    echo '  p.getOutputStream().write("1\n2\n".getBytes()); p.getOutputStream().close();'
    echo '  System.out.print(new String(p.getInputStream().readAllBytes())); System.exit(p.waitFor() + 5); }'
    echo '  static int deep(int n) { return deep(n + 1) + 1; } }'
  } >src/many/Main.java
}
run() {
  traced javac -d classes src/many/*.java
  (cd classes && find . -name '*.class' -print0 | sort -z | xargs -0 sha256sum)
  traced jar --create --file many.jar --main-class many.Main -C classes .
  traced java -jar many.jar || echo "status $?"
  traced java -XX:+UseSerialGC -Xmx64m -jar many.jar || echo "status $?"
}
