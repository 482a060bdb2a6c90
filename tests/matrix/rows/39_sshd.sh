# shellcheck shell=bash
# load: sshd, which separates privileges, forks and runs itself anew for each login: commands, 8 MiB through a pipe, sftp
# lost: allowed
# note: `sshd`'s process before the login sets its limit of file sizes to nothing; the trace of that process ends there, and says so.
# compared: what the commands print, checksums, sshd's log
version() { ssh -V 2>&1 | sed -E 's/(OpenSSH_[0-9.p]+).*/\1/; s/_/ /'; }

# As root only: sshd changes its user.
prepare() {
  ssh-keygen -q -t ed25519 -N '' -f host
  ssh-keygen -q -t ed25519 -N '' -f user
  cp user.pub authorized
  chmod 600 authorized
  head -c 8388608 </dev/zero | tr '\0' 'x' >large
}
remote() { ssh -F none -q -p "$port" -i user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 "$@"; }

run() {
  port=$(free_port)
  mkdir -p /run/sshd
  cat >sshd.conf <<END
ListenAddress 127.0.0.1:$port
HostKey $PWD/host
AuthorizedKeysFile $PWD/authorized
PidFile $PWD/pid
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
END
  traced /usr/sbin/sshd -D -e -f "$PWD/sshd.conf" 2>log &
  await remote true
  for i in 1 2 3; do remote "echo login $i; exit $i" || echo "exit $?"; done
  remote 'sha256sum' <large
  remote "head -c 8388608 '$PWD/large'" | sha256sum
  printf 'get %s/large copy\n' "$PWD" | sftp -q -F none -P "$port" -i user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -b - root@127.0.0.1 >/dev/null
  cmp large copy && echo same
  kill "$(cat pid)"
  wait $! || echo "ended with $?"
  grep -E 'vmtrace:|fatal|Bad system call|signal' log | grep -v 'Received signal 15' || :
}
