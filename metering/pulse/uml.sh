#!/bin/sh
# Runs the tests that need a real kernel's GPIO in a user-mode Linux with a
# simulated GPIO chip: pulses here, relays in the board package.  Optional; the
# kernel is built the first time (deploy/test/kernel.sh).
#
#   metering/pulse/uml.sh [FOLDER FOR THE KERNEL]
set -eu

work=${1:-${TMPDIR:-/tmp}/keeplit-uml}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$work"

"$here/deploy/test/kernel.sh" "$work"

cd "$here"
CGO_ENABLED=0 go test -c -o "$work/pulse.test" ./metering/pulse
CGO_ENABLED=0 go test -c -o "$work/board.test" ./cmd/agent/internal/board

rm -f "$work/out.log"
cat >"$work/init" <<INIT
#!/bin/sh
exec >"$work/out.log" 2>&1
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /run
mount -t configfs none /sys/kernel/config
mkdir -p /sys/kernel/config/gpio-sim/keeplit/bank0
echo 8 >/sys/kernel/config/gpio-sim/keeplit/bank0/num_lines
echo keeplit >/sys/kernel/config/gpio-sim/keeplit/bank0/label
echo 1 >/sys/kernel/config/gpio-sim/keeplit/live
chip=\$(cat /sys/kernel/config/gpio-sim/keeplit/bank0/chip_name)
dev=\$(cat /sys/kernel/config/gpio-sim/keeplit/dev_name)
export HOME=/run TMPDIR=/run KEEPLIT_GPIO_CHIP=/dev/\$chip KEEPLIT_GPIO_PULL=/sys/devices/platform/\$dev/\$chip/sim_gpio0/pull
cd /run
code=0
"$work/pulse.test" -test.run TestKernel -test.v -test.timeout 120s || code=1
"$work/board.test" -test.v -test.timeout 120s || code=1
echo "keeplit-uml: exit \$code"
sync
INIT
chmod +x "$work/init"
# Its clock runs on its own: a busy machine does not stretch the pulses.
timeout 300 "$work/linux" time-travel mem=256M root=/dev/root rootfstype=hostfs rootflags=/ rw init="$work/init" con0=fd:0,fd:1 quiet </dev/null >"$work/console.log" 2>&1 || true
cat "$work/out.log" || { tail -n 20 "$work/console.log" >&2; exit 1; }
grep -q 'keeplit-uml: exit 0' "$work/out.log"
