#!/usr/bin/env bash
# Shows on a clean Debian what docs/install.md says, each step with its seconds: the package installed,
# "agent init --ask" answered, a meter over Modbus TCP, a plug with Tasmota on a broker, a token, the page, a
# backup; then an upgrade from the release before with its account, the way back, a box that is replaced, and the
# package purged.
#
#   deploy/test/show.sh NEW.deb OLD.deb [CACHE]     (make show builds both)
#
# As root, with Debian's mosquitto and mosquitto-clients, where debootstrap can reach a Debian mirror (MIRROR).  CACHE keeps the bare tree.  There is no systemd
# in the tree: the service is run as its user by hand, and its system calls are held against the unit's.
set -euo pipefail
new=$(realpath "$1") old=$(realpath "$2") cache=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
port=${METER_PORT:-15020} page=${PAGE_PORT:-18080} broker=${BROKER_PORT:-18883}

root=$(mktemp -d)
work=$(mktemp -d)
pids=()
# finish ends what was started here, by its number.
finish() {
  for p in "${pids[@]}"; do
    # What is traced is ended first: strace waits for it.
    for c in $(pgrep -P "$p" || true) "$p"; do kill "$c" 2>/dev/null || true; done
  done
  wait 2>/dev/null || true
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root" "$work"
}
trap finish EXIT

began=$SECONDS last=$SECONDS
step() {
  printf '%4ss (+%ss)  %s\n' $((SECONDS - began)) $((SECONDS - last)) "$*"
  last=$SECONDS
}
fail() {
  echo "FAILED: $*" >&2
  [ ! -e "$work/log" ] || tail -n 20 "$work/log" >&2
  exit 1
}
in_tree() { chroot "$root" "$@"; }
as_service() { chroot --userspec=keeplit:keeplit "$root" "$@"; }
configuration=/etc/keeplit/keeplit.yaml
url=http://127.0.0.1:$page

# start runs the agent as the service's user, under the command given, and waits for the page.
start() {
  "$@" chroot --userspec=keeplit:keeplit "$root" /usr/bin/keeplit run $configuration >"$work/log" 2>&1 &
  agent=$!
  pids+=("$agent")
  for _ in $(seq 300); do
    if curl -fsS "$url/healthz" >/dev/null 2>&1; then return; fi
    kill -0 "$agent" 2>/dev/null || fail "the agent has ended"
    sleep 0.1
  done
  fail "no page after 30 s"
}
# stop ends it in good order.
stop() {
  local p
  for p in "$agent" $(pgrep -P "$agent" -x keeplit || true); do
    [ "$(cat "/proc/$p/comm" 2>/dev/null)" != keeplit ] || kill -TERM "$p"
  done
  wait "$agent" || fail "the agent does not end in good order"
}
balance() { KEEPLIT_PIN=4711 in_tree agent status --url $url | sed -n 's/^balance *\([-0-9.]*\) .*/\1/p'; }
# token enters the next token of the vendor, who keeps the count.
token() {
  in_tree sh -c "cd /root && agent token issue --meter meter.yaml --money $1 --state sold.json" >"$work/token" || fail "no token is made"
  KEEPLIT_PIN=4711 in_tree agent topup --url $url "$(cat "$work/token")" >"$work/answer" 2>&1 || fail "the token is not taken: $(cat "$work/answer")"
}
# secrets writes key and PIN as docs/install.md has it.
secrets() {
  in_tree sh -c 'umask 027; echo bc41ec9530f6dac86b1a29ab82edc5fb > /etc/keeplit/openpaygo.key; echo 4711 | agent pin 2>/dev/null > /etc/keeplit/pin.hash'
}
ends() { in_tree agent ledger verify /var/lib/keeplit; }

if [ -n "$cache" ] && [ -e "$cache" ]; then
  tar -C "$root" -xpf "$cache"
else
  debootstrap --variant=minbase --include=adduser bookworm "$root" "$mirror" >"$work/log" 2>&1 || fail debootstrap
  [ -z "$cache" ] || tar -C "$root" -cpf "$cache" .
fi
chmod 0755 "$root"
mount -t proc proc "$root/proc"
cp "$new" "$root/root/new.deb"
cp "$old" "$root/root/old.deb"
step "a bare Debian $(cat "$root/etc/debian_version")"

in_tree dpkg -i /root/new.deb
folders=$(in_tree stat -c %U:%G:%a /etc/keeplit /var/lib/keeplit | paste -sd' ')
[ "$folders" = "root:keeplit:2750 keeplit:keeplit:700" ] || fail "the folders are $folders"
step "installed: $(in_tree agent version)"

python3 "$here/meter.py" "$port" 1000 2000 &
pids+=($!)
printf 'keeplit:word\n' >"$work/users"
mosquitto_passwd -U "$work/users"
printf 'listener %s 127.0.0.1\nallow_anonymous false\npassword_file %s\n' "$broker" "$work/users" >"$work/mosquitto.conf"
chmod 0755 "$work"
chmod 0644 "$work/users"
mosquitto -c "$work/mosquitto.conf" 2>/dev/null &
pids+=($!)
for p in "$port" "$broker"; do
  for _ in $(seq 50); do (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && break || sleep 0.1; done
done
"$here/plug.sh" "$broker" keeplit word geyser "$work/plug" &
pids+=($!)
step "beside it: a meter at 127.0.0.1:$port, Mosquitto at :$broker, a plug"

# An answer a line; an empty one takes what is usual.
in_tree agent init --ask $configuration >"$work/asked" 2>&1 <<EOM || fail "agent init --ask: $(tail -n 5 "$work/asked")"


ZA


04123456789
60 A
127.0.0.1:$broker
keeplit
word
modbus
sdm230
127.0.0.1:$port
1
50
openpaygo
bc41ec9530f6dac86b1a29ab82edc5fb
516959010
Geyser
3 kW
2h30m
18:30
tasmota
geyser
yes

no
none
$page
4711
4711
EOM
grep -oE '(broker|meter|geyser): (mqtt|sdm|it ).*' "$work/asked" | sed 's/^/       /'
grep -q 'geyser: it went on, and is off again' "$work/asked" || fail "the plug does not obey: $(cat "$work/asked")"
modes=$(in_tree stat -c %G:%a /etc/keeplit/keeplit.yaml /etc/keeplit/openpaygo.key /etc/keeplit/pin.hash /etc/keeplit/mqtt.password | sort -u)
[ "$modes" = keeplit:640 ] || fail "what is written has the modes $modes"
echo '{scheme: openpaygo, key: bc41ec9530f6dac86b1a29ab82edc5fb, starting_code: 516959010, unit: money}' >"$root/root/meter.yaml"
in_tree agent check $configuration
step "agent init --ask, $(grep -c . "$work/plug") messages to the plug"

as_service agent check --try $configuration
step "agent check --try"

traced=
if command -v strace >/dev/null && command -v systemd-analyze >/dev/null; then
  traced=yes
  start strace -f -qq -o "$work/trace"
else
  start
fi
step "the agent runs as the service's user, the page answers"
token 25
curl -fsSL -o "$work/page" $url/ # it asks for the PIN
grep -q '<title>' "$work/page" || fail "the page is no page"
step "a token is taken: balance $(balance)"
in_tree agent backup /root/first.backup $configuration
in_tree agent doctor $configuration
step "agent backup beside it, agent doctor"
stop
if [ -n "$traced" ]; then
  sets() { systemd-analyze syscall-filter "$1" | sed -n 's/^    //p' | grep -v '^#' | while read -r x; do case $x in @*) sets "$x" ;; *) echo "$x" ;; esac; done; }
  {
    comm -23 <(sets @system-service | sort -u) <({ sets @privileged && sets @resources; } | sort -u)
    sed -n 's/^SystemCallFilter=\([^~@]\)/\1/p' "$here/../keeplit.service" | tr ' ' '\n'
  } | sort -u >"$work/allowed"
  # What comes before is chroot's; a service manager makes such calls itself.
  sed -n '/execve("\/usr\/bin\/keeplit"/,$p' "$work/trace" | sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' | sort -u >"$work/made"
  beyond=$(comm -23 "$work/made" "$work/allowed" | paste -sd' ')
  [ -z "$beyond" ] || fail "the unit refuses what the agent calls: $beyond"
  step "$(wc -l <"$work/made") kinds of system call, each one that the unit allows"
fi

in_tree dpkg --purge keeplit
for left in /etc/keeplit /var/lib/keeplit /usr/bin/keeplit /usr/bin/agent; do
  if [ -e "$root$left" ] || [ -L "$root$left" ]; then fail "purged, $left is left"; fi
done
if in_tree getent passwd keeplit >/dev/null; then fail "purged, the user is left"; fi
step "purged: nothing is left"

in_tree dpkg -i /root/old.deb
cat >"$root$configuration" <<EOM
site: {id: home, meter: "04123456789", zone: Africa/Johannesburg}
data: /var/lib/keeplit
meter: {driver: modbus, max_power: 14 kW, modbus: {model: sdm230, port: "127.0.0.1:$port", unit: 1}}
tariff: {catalogue: za-eskom-homelight-20a}
tokens: {openpaygo: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}}
web: {listen: ":$page", pin: {file: pin.hash}}
EOM
secrets
echo '# mine' >>"$root/etc/keeplit/environment"
in_tree agent check $configuration
rm -f "$root/root/sold.json"
start
token 10
sleep 2
before=$(balance)
stop
step "the release before: $(in_tree agent version), balance $before"

in_tree dpkg -i /root/new.deb
grep -q '^# mine' "$root/etc/keeplit/environment" || fail "a changed conffile is lost"
start
after=$(balance)
token 10
stop
awk -v a="$after" -v b="$before" 'BEGIN { exit !(a <= b && a > b - 1) }' || fail "the balance was $before and is $after"
kept=$(ends)
step "upgraded: balance $after, then 10 by a token; $kept"

in_tree dpkg -i /root/old.deb
as_service /usr/bin/keeplit run $configuration >"$work/log" 2>&1 &
agent=$!
pids+=("$agent")
sleep 4
if kill -0 "$agent" 2>/dev/null; then
  curl -fsS -u keeplit:4711 -o "$work/view" $url/api/v1/view
  grep -q records_held "$work/view" || fail "the older program goes on with newer records"
  how="holds them"
  stop
else
  grep -q "newer program" "$work/log" || fail "the older program does not say why it ends"
  how="refuses them"
fi
in_tree dpkg -i /root/new.deb
[ "$(ends)" = "$kept" ] || fail "the records are changed: $kept, now $(ends)"
step "the way back: the older program $how and changes nothing"

start
stop
in_tree agent replace /root/handover $configuration
code=0
as_service /usr/bin/keeplit run $configuration >"$work/log" 2>&1 || code=$?
[ "$code" = 4 ] || fail "a replaced box ends with $code"
in_tree dpkg -i /root/old.deb
if timeout 10 chroot --userspec=keeplit:keeplit "$root" /usr/bin/keeplit run $configuration >"$work/log" 2>&1; then fail "the older program runs on a replaced box"; fi
grep -q "newer program" "$work/log" || fail "the older program does not refuse a replaced box"
in_tree dpkg -i /root/new.deb
in_tree agent restore /root/handover $configuration
start
stop
step "replaced: neither program runs; taken back: it runs"

in_tree dpkg --purge keeplit
if [ -e "$root/var/lib/keeplit" ]; then fail "purged, the records are left"; fi
step "purged"
