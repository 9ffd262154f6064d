#!/bin/bash
# What boot.sh runs inside, once systemd has come up.
set -eu
mount -t hostfs none /mnt
exec 2>>/mnt/errors
say() { echo "$*" >>/mnt/log; }
end() {
  journalctl -b -u keeplit --no-pager >/mnt/journal 2>&1 || true
  systemctl status keeplit --no-pager >/mnt/status 2>&1 || true
  sync
  systemctl poweroff --force --force
}
trap 'say "it failed in line $LINENO"; end' ERR
property() { systemctl show -p "$1" --value keeplit; }
# until_ waits for so many seconds for a command.
until_() {
  local n=$1
  shift
  for _ in $(seq "$n"); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 1
  done
  say "after $n s still not: $*"
  agent status >/mnt/agent 2>&1 || true
  return 1
}
active() { [ "$(systemctl is-active keeplit)" = active ]; }
another() { [ "$(property MainPID)" != "$1" ] && [ "$(property MainPID)" != 0 ] && active; }
metered() { agent status | grep -q '^power *[1-9]'; }
# A machine that has other work to do may be asked twice: a token counts once.
credited() {
  agent topup "$(cat /root/token)" || true
  agent status | grep -Eq '^balance *12[0-9][.]'
}
export KEEPLIT_PIN=4711

until_ 600 active
say "systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') has the agent ready (Type=$(property Type)), as user $(ps -o user= -p "$(property MainPID)" 2>/dev/null || stat -c %U /proc/"$(property MainPID)")"
say "$(systemd-analyze security --threshold=20 keeplit.service | tail -n 1)"
until_ 300 metered
say "the meter on $(ls -l /dev/ttyS1 | tr -s ' ' | cut -d' ' -f1,4,10) is read: $(agent status | sed -n 's/^power */power /p')"
(cd /root && agent token issue --meter meter.yaml --money 25 --state sold.json) >/root/token
until_ 600 credited
say "a token is taken, SQLite writes under the unit: $(agent status | sed -n 's/^balance */balance /p')"

pid=$(property MainPID)
kill -9 "$pid"
until_ 120 another "$pid"
say "killed: another runs, restart $(property NRestarts)"

pid=$(property MainPID)
kill -STOP "$pid"
began=$SECONDS
until_ 300 another "$pid"
say "hung: after $((SECONDS - began)) s (WatchdogUSec=$(property WatchdogUSec)) another runs, restart $(property NRestarts)"
restarts=$(property NRestarts)
sleep 75
[ "$(property NRestarts)" = "$restarts" ]
say "not hung: kicked for 75 s and still the same"

began=$SECONDS
systemctl stop keeplit
[ "$(property Result)" = success ]
say "stopped in $((SECONDS - began)) s: $(agent ledger verify /var/lib/keeplit)"
say "all is well"
end
