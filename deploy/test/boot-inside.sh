#!/bin/bash
# What boot.sh runs inside, once systemd has come up.
set -eu
mount -t hostfs none /mnt
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
metered() { agent status | grep -q '^power *[1-9]'; }

until_ 600 active
say "systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') has the agent ready (Type=$(property Type)), as user $(ps -o user= -p "$(property MainPID)" 2>/dev/null || stat -c %U /proc/"$(property MainPID)")"
say "$(systemd-analyze security --threshold=20 keeplit.service | tail -n 1)"
until_ 300 metered
say "the meter on $(ls -l /dev/ttyS1 | tr -s ' ' | cut -d' ' -f1,4,10) is read: $(agent status | sed -n 's/^power */power /p')"
say "all is well"
end
