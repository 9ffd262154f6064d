#!/bin/sh
# Prints users.conf: the utility, Telegraf, and a user for each home that is named on standard
# input, one site.id a line.  NATS has no patterns: each home's own topics are written out.
# A topic's / is NATS's dot.  $MQTT.sub.> is by what QoS 1 comes.
set -eu
echo 'authorization { users: ['
echo '  { user: "CN=utility", permissions: { publish: ["keeplit-policy.>"], subscribe: ["keeplit.*.policy.>", "$MQTT.sub.>"] } }'
echo '  { user: "CN=telegraf", permissions: { publish: { deny: ">" }, subscribe: ["keeplit.>"] } }'
while read -r site; do
  case $site in '' | *[!a-z0-9-]*) echo "$site is no site.id" >&2; exit 1 ;; esac
  printf '  { user: "CN=%s", permissions: { publish: ["keeplit.%s.>"], subscribe: ["keeplit.%s.>", "keeplit-policy.keys.>", "keeplit-policy.group.>", "keeplit-policy.site.%s.>", "$MQTT.sub.>"] } }\n' "$site" "$site" "$site" "$site"
done
echo '] }'
