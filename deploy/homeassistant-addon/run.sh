#!/bin/sh
# Starts the agent in Home Assistant's container, as the Supervisor's user there.
set -eu
umask 027
config=/config/keeplit.yaml

if [ ! -e "$config" ]; then
  agent init --data /data/records "$config"
  echo "/config is the folder addon_configs/..._keeplit of this machine. Put in what is yours; the page says what is still missing."
fi
# Other add-ons write files that everybody may read; the agent takes no secret from one.  It waits for what is wrong
# to be put right, so this is done as long as it runs.
closed() { find /config -maxdepth 1 -type f -perm /o=rwx -exec chmod o-rwx {} +; }
closed
while sleep 2; do closed; done &

# The option pin: only digits, as config.yaml has it.
pin=$(sed -n 's/.*"pin": *"\([0-9]*\)".*/\1/p' /data/options.json)
if [ -n "$pin" ]; then
  sum=$(printf %s "$pin" | sha256sum)
  if [ "$sum" != "$(cat /data/pin.sum 2>/dev/null || true)" ] || [ ! -e /config/pin.hash ]; then
    printf '%s\n' "$pin" | agent pin >/config/pin.hash
    printf '%s\n' "$sum" >/data/pin.sum
  fi
fi

exec agent run --stay "$config"
