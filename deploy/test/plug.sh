#!/bin/sh
# A plug with Tasmota for the show, of Mosquitto's own clients: plug.sh PORT USER PASSWORD NAME LOG
# LOG gets what it is told.
set -eu
port=$1 user=$2 password=$3 name=$4 log=$5
at="-h 127.0.0.1 -p $port -u $user -P $password"
on=OFF
# shellcheck disable=SC2086
mosquitto_pub $at -r -q 1 -t "tele/$name/LWT" -m Online
# shellcheck disable=SC2086
mosquitto_sub $at -q 1 -v -t "cmnd/$name/#" | while read -r topic word; do
  echo "$topic $word" >>"$log"
  case $topic in */POWER | */POWER1) ;; *) continue ;; esac
  case $word in ON | on | 1) on=ON ;; OFF | off | 0) on=OFF ;; esac
  # shellcheck disable=SC2086
  mosquitto_pub $at -q 1 -t "stat/$name/RESULT" -m "{\"POWER\":\"$on\"}"
done
