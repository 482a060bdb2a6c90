# shellcheck shell=bash
# load: hashes, regular expressions, sorting, closures, fork, pipes
# compared: all output
version() { perl -e 'printf "perl %vd\n", $^V'; }

prepare() {
  cat >load.pl <<'END'
use strict; use warnings;
my %h;
for my $i (1 .. 200_000) { push @{$h{$i * 7919 % 9973}}, "v$i" x ($i % 5); }
print join(",", map { "$_=" . scalar(@{$h{$_}}) } sort { $a <=> $b } keys %h), "\n";
my $s = join(" ", 1 .. 200_000);
my $n = () = $s =~ /(\d)(?=\1)/g;
print "$n\n";
my @words = map { my $x = $_; sub { $x * shift } } 1 .. 50_000;
my $sum = 0; $sum += $_->(3) for @words; print "$sum\n";
my @sorted = sort { $b cmp $a } map { sprintf "%08x", $_ * 2654435761 % 4294967296 } 1 .. 100_000;
print "@sorted[0..20]\n";
$| = 1;
my $p = fork; if (!$p) { print "child\n"; exit 3; }
waitpid($p, 0); print $? >> 8, "\n";
print `echo from a shell`;
open my $pipe, "-|", "seq 5" or die; print while <$pipe>; close $pipe;
(my $t = substr($s, 0, 2000)) =~ s/(\d+)/$1 * 2/ge; print "$t\n";
eval { die { code => 42 } }; print $@->{code}, "\n";
END
}
run() { traced perl load.pl; }
