# shellcheck shell=bash
# load: 150 commits, clone, gc, repack with two threads, fsck, log, blame, grep, merge, bisect
# compared: all output, with every commit's hash
version() { git --version | sed 's/ version//'; }

prepare() {
  cat >load.sh <<'END'
set -e
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main one
cd one
for i in {1..150}; do
  seq $((i * 100)) >file$((i % 17))
  echo "$i" >>log
  git add .
  git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~20 && echo side >side && git add side && git commit -q -m side
git checkout -q main && git merge -q --no-edit side
git log --stat --format='%H %s'
cd ..
git clone -q --no-local one two
cd two
git gc -q
git repack -q -a -d -f --threads=2 --window=50
git fsck --full --strict
git count-objects -v | grep -E '^(count|in-pack|packs)'
git log --format=%H%d
git diff HEAD~20 --stat
git grep -c 99
git blame -s log | head -n 20
git bisect start -q HEAD HEAD~60 2>&1
git bisect run sh -c '[ $(wc -l <log) -lt 120 ]' 2>&1 | tail -n 3
END
}
run() { traced bash load.sh; }
