#!/bin/sh
# Builds a user-mode Linux with a simulated GPIO chip and runs the tests that
# need a real kernel's GPIO in it: pulses here, relays in the board package.
# Optional; it takes some ten minutes the first time.  It needs Debian's gcc,
# make, flex, bison, bc, xz and the package linux-source-6.1.
#
#   metering/pulse/uml.sh [FOLDER FOR THE KERNEL]
set -eu

work=${1:-${TMPDIR:-/tmp}/keeplit-uml}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$work"

if [ ! -x "$work/linux" ]; then
	source=$(ls /usr/src/linux-source-6.*.tar.xz 2>/dev/null | head -n 1)
	[ -n "$source" ] || { echo "install linux-source-6.1 first (apt-get install linux-source-6.1)" >&2; exit 1; }
	tar -xJf "$source" -C "$work"
	cd "$work"/linux-source-6.*
	# The kernel keeps room for the registers of a processor with AVX-512; one
	# with more (AMX, or what comes after) fails with "ptrace set fp regs".  They
	# lie on the stack, too, which must be larger for it.
	sed -i 's/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 11264)/' arch/x86/um/user-offsets.c
	# Its tick is 10 ms, in which the kernel counts debouncing and delivers the
	# interrupts of a simulated line: too coarse for pulses of 30 ms.
	sed -i '/^config HZ$/,/default/s/default 100/default 1000/' arch/um/Kconfig
	make ARCH=um tinyconfig
	# gpio-sim needs configfs; its interrupts need UML_PCI_OVER_VIRTIO.
	for option in 64BIT BINFMT_ELF BINFMT_SCRIPT PRINTK TTY STDERR_CONSOLE SSL NULL_CHAN MULTIUSER FUTEX EPOLL EVENTFD \
		SIGNALFD TIMERFD POSIX_TIMERS HIGH_RES_TIMERS FILE_LOCKING MEMBARRIER PROC_FS SYSFS TMPFS SHMEM DEVTMPFS \
		HOSTFS CONFIGFS_FS UML_TIME_TRAVEL_SUPPORT VIRTIO_UML PCI UML_PCI_OVER_VIRTIO GPIOLIB GPIO_CDEV IRQ_SIM GPIO_SIM; do
		echo "CONFIG_$option=y" >>.config
	done
	echo CONFIG_UML_PCI_OVER_VIRTIO_DEVICE_ID=1234 >>.config
	echo CONFIG_KERNEL_STACK_ORDER=4 >>.config
	make ARCH=um olddefconfig
	grep -q '^CONFIG_GPIO_SIM=y' .config || { echo "this kernel source has no gpio-sim for user-mode Linux" >&2; exit 1; }
	make ARCH=um -j"$(nproc)" linux
	cp linux "$work/linux"
fi

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
