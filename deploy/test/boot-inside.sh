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
# lit tells whether the contactor's line is high.
lit() { [ "$(cat /run/pins/sim_gpio17/value)" = 1 ]; }
dark() { [ "$(cat /run/pins/sim_gpio17/value)" = 0 ]; }
says() { agent status | grep -q "^$1"; }
# opens tells whether a service of the unit's device policy may open the chip, with these properties more.
opens() { systemd-run --quiet --wait --property=DevicePolicy=closed "$@" sh -c 'exec 3<>/dev/gpiochip0' 2>/dev/null; }
export KEEPLIT_PIN=4711
configuration=/etc/keeplit/keeplit.yaml

if [ -e /root/reset ]; then
  until_ 600 active
  [ "$(property NRestarts)" = 0 ]
  until_ 300 metered
  until_ 60 lit
  say "the watchdog has started the machine again: the agent is ready, $(agent status | sed -n 's/^balance */balance /p'), the contactor is closed"
  systemctl stop keeplit
  say "stopped: $(agent ledger verify /var/lib/keeplit)"
  say "all is well"
  end
  exit 0
fi

until_ 600 active
say "systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') has the agent ready (Type=$(property Type)), as user $(ps -o user= -p "$(property MainPID)" 2>/dev/null || stat -c %U /proc/"$(property MainPID)")"
systemd-analyze verify --man=no "$(property FragmentPath)"
say "$(systemd-analyze security --threshold=20 keeplit.service | tail -n 1)"
until_ 300 metered
say "the meter on $(ls -l /dev/ttyS1 | tr -s ' ' | cut -d' ' -f1,4,10) is read: $(agent status | sed -n 's/^power */power /p')"
(cd /root && agent token issue --meter meter.yaml --money 25 --state sold.json) >/root/token
until_ 600 credited
say "a token is taken, SQLite writes under the unit: $(agent status | sed -n 's/^balance */balance /p')"

if [ -d /run/pins ]; then
  until_ 60 lit
  until_ 60 says 'supply *connected'
  pid=$(property MainPID)
  [ "$(find "/proc/$pid/fd" -lname '*gpio*' | wc -l)" -gt 0 ]
  say "the agent has $(ls -l /dev/gpiochip0 | tr -s ' ' | cut -d' ' -f1,4,10) open: GPIO17 is high, the contactor is closed, its feedback agrees"
  opens --property='DeviceAllow=char-gpiochip rw'
  if opens; then false; fi
  say "without DeviceAllow=char-gpiochip it could not be opened"
  echo pull-up >/run/pins/sim_gpio22/pull
  until_ 60 says 'warning *cover_open'
  echo pull-down >/run/pins/sim_gpio22/pull
  say "the cover's contact on GPIO22 opens: $(agent status | sed -n 's/^warning *\(cover_open\).*/\1/p')"
fi

pid=$(property MainPID)
kill -9 "$pid"
if [ -d /run/pins ]; then
  dark || sleep 0.5
  dark
  say "killed: GPIO17 is low at once, the contactor falls open"
fi
until_ 120 another "$pid"
say "killed: another runs, restart $(property NRestarts)"
if [ -d /run/pins ]; then
  until_ 60 lit
  say "GPIO17 is high again"
fi

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
if [ -d /run/pins ]; then
  dog=/sys/class/watchdog/watchdog0
  printf 'watchdog: {device: /dev/watchdog, timeout: 15s}\n' >>$configuration
  systemctl start keeplit
  pid=$(property MainPID)
  [ "$(cat $dog/state)" = active ]
  sleep 60
  [ "$(property MainPID)" = "$pid" ]
  say "$(ls -l /dev/watchdog | tr -s ' ' | cut -d' ' -f1,4,10) is fed: $(cat $dog/identity) of $(cat $dog/timeout) s is $(cat $dog/state) after 60 s"
  systemctl stop keeplit
  [ "$(cat $dog/state)" = inactive ]
  sleep 20
  say "stopped, the agent has told it so: for 20 s it is $(cat $dog/state)"
  systemctl start keeplit
  touch /root/reset
  sync
  say "the agent hangs now"
  kill -STOP "$(property MainPID)"
  sleep 120
  say "after 120 s the watchdog has not started the machine again"
  end
  exit 1
fi
say "all is well"
end
