#!/usr/bin/env bash
# Boots a Debian with systemd in a user-mode Linux and runs the agent there under its own unit: ready, a meter
# on a serial port, records, a token, killed and started again, hung and started again, and stopped in good order.
# With a kernel that has GPIO and a watchdog besides: a contactor with feedback and the cover's contact on GPIO
# lines, and the whole machine started again by its watchdog where the agent hangs.
#
#   deploy/test/boot.sh NEW.deb [CACHE]
#
# As root, with Debian's packages user-mode-linux, debootstrap (a mirror that it reaches: MIRROR), e2fsprogs and
# python3.  Where one is missing it says so and is skipped; KEEPLIT_REQUIRE_TOOLS makes that a failure.  CACHE keeps
# the bare tree.  Debian's kernel has no GPIO and no watchdog of use: KERNEL is one of kernel.sh, in Debian's place.
set -euo pipefail
kernel=${KERNEL:-linux.uml}
for tool in "$kernel" debootstrap mke2fs python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: $tool is not installed"
    [ -z "${KEEPLIT_REQUIRE_TOOLS:-}" ] || exit 1
    exit 0
  fi
done
deb=$(realpath "$1") cache=${2:-}
pins=
if [ "$("$kernel" --showconfig | grep -cx CONFIG_GPIO_SIM=y)" = 1 ]; then pins=yes; fi
here=$(cd "$(dirname "$0")" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)
pids=()
finish() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT
began=$SECONDS
step() { printf '%4ss  %s\n' $((SECONDS - began)) "$*"; }

tree=$work/tree
mkdir -p "$tree" "$work/out"
if [ -n "$cache" ] && [ -e "$cache" ]; then
  tar -C "$tree" -xpf "$cache"
else
  debootstrap --variant=minbase --include=adduser,systemd,systemd-sysv,udev,dbus bookworm "$tree" "$mirror" >"$work/log" 2>&1 || { tail "$work/log"; exit 1; }
  [ -z "$cache" ] || tar -C "$tree" -cpf "$cache" .
fi
chmod 0755 "$tree"
step "a bare Debian with systemd"

cp "$deb" "$tree/root/new.deb"
chroot "$tree" dpkg -i /root/new.deb >"$work/log" 2>&1 || { tail "$work/log"; exit 1; }
cat >"$tree/etc/keeplit/keeplit.yaml" <<EOM
site: {id: home, meter: "04123456789", zone: Africa/Johannesburg}
data: /var/lib/keeplit
meter: {driver: p1, max_power: 14 kW, p1: {port: /dev/ttyS1}$([ -z "$pins" ] || echo ", cover: {line: GPIO22}")}
tariff: {catalogue: za-eskom-homelight-20a}
credit: {opening: 100}
tokens: {openpaygo: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}}
web: {listen: "127.0.0.1:8080", reading: open, pin: {file: pin.hash}}
$([ -z "$pins" ] || echo "supply: {switch: {driver: relay, relay: {line: GPIO17, feedback: {line: GPIO27}}}}")
EOM
chroot "$tree" sh -c 'cd /etc/keeplit && umask 027 && echo bc41ec9530f6dac86b1a29ab82edc5fb >openpaygo.key && echo 4711 | agent pin 2>/dev/null >pin.hash'
echo '{scheme: openpaygo, key: bc41ec9530f6dac86b1a29ab82edc5fb, starting_code: 516959010, unit: money}' >"$tree/root/meter.yaml"
install -m 0755 "$here/boot-inside.sh" "$tree/root/inside.sh"
install -m 0755 "$here/boot-pins.sh" "$tree/root/pins.sh"
cat >"$tree/etc/systemd/system/pins.service" <<EOM
[Unit]
After=sys-kernel-config.mount
Before=keeplit.service
[Service]
Type=notify
NotifyAccess=all
ExecStart=/root/pins.sh
[Install]
WantedBy=multi-user.target
EOM
[ -z "$pins" ] || chroot "$tree" systemctl enable pins.service >/dev/null 2>&1
cat >"$tree/etc/systemd/system/inside.service" <<EOM
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/root/inside.sh
[Install]
WantedBy=multi-user.target
EOM
chroot "$tree" systemctl enable inside.service >/dev/null 2>&1
echo '/dev/ubda / ext4 defaults 0 1' >"$tree/etc/fstab"
echo '127.0.0.1 localhost' >"$tree/etc/hosts"
echo box >"$tree/etc/hostname"
chroot "$tree" systemctl mask getty.target systemd-networkd.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-udev-settle.service >/dev/null 2>&1
mke2fs -q -t ext4 -d "$tree" "$work/disk" 1500M >"$work/log" 2>&1
step "a disk with the package installed"

# The meter is on the machine's second serial port, a terminal of this one.
python3 "$here/p1.py" "$work/tty" &
pids+=($!)
for _ in $(seq 100); do [ -s "$work/tty" ] && break || sleep 0.1; done
# The watchdog's own way to reset, out of an interrupt, leaves a user-mode Linux deaf to its clock: its kernel is
# told to restart in good order.
timeout "${BOOT_TIMEOUT:-1200}" "$kernel" softdog.soft_reboot_cmd=reset mem=512M ubd0="$work/disk" root=/dev/ubda rw con=null con0=null,fd:2 ssl=null ssl1="tty:$(cat "$work/tty")" \
  uml_dir="$work" hostfs="$work/out" selinux=0 ${BOOT_ARGS:-quiet systemd.show_status=0} </dev/null >/dev/null 2>"$work/console" &
machine=$!
pids+=("$machine")
seen=0
# tell prints what was said inside since the last time.
tell() {
  [ -e "$work/out/log" ] || return 0
  while read -r line; do
    step "$line"
    seen=$((seen + 1))
  done < <(tail -n +$((seen + 1)) "$work/out/log")
}
while kill -0 "$machine" 2>/dev/null; do
  sleep 1
  tell
done
tell
if [ -n "$pins" ] && ! grep -q 'softdog: Initiating system reboot' "$work/console"; then
  echo "the kernel does not say that its watchdog has started it again" >>"$work/out/log"
fi
if [ "$(tail -n 1 "$work/out/log" 2>/dev/null)" != 'all is well' ]; then
  echo "FAILED" >&2
  tail -n 40 "$work/console" "$work/out"/* >&2
  exit 1
fi
