#!/bin/bash
# A chip with the lines that boot.sh's configuration names, and a contactor whose auxiliary contact, at GPIO27, goes
# with its coil, at GPIO17.
set -eu
modprobe -q gpio-sim 2>/dev/null || true
chip=/sys/kernel/config/gpio-sim/box
mkdir -p $chip/bank0
echo 32 >$chip/bank0/num_lines
for n in 17 22 27; do
  mkdir -p $chip/bank0/line$n
  echo GPIO$n >$chip/bank0/line$n/name
done
echo 1 >$chip/live
ln -sfn "/sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank0/chip_name)" /run/pins
systemd-notify --ready
mkfifo -m 0600 /run/wait
exec 9<>/run/wait
last=
while :; do
  read -r coil </run/pins/sim_gpio17/value
  if [ "$coil" != "$last" ]; then
    if [ "$coil" = 1 ]; then echo pull-up; else echo pull-down; fi >/run/pins/sim_gpio27/pull
    last=$coil
  fi
  read -r -t 0.05 -u 9 || true
done
