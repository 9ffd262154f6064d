#!/bin/sh
# Builds a user-mode Linux with a simulated GPIO chip and a watchdog, for metering/pulse/uml.sh and boot.sh: small
# enough to be built in some ten minutes, large enough for systemd.  It needs Debian's gcc, make, flex, bison, bc,
# xz and the package linux-source-6.1.  FOLDER/linux that is there is left as it is.
#
#   deploy/test/kernel.sh FOLDER
set -eu
work=$(realpath -m "$1")
[ ! -x "$work/linux" ] || exit 0
source=$(ls /usr/src/linux-source-6.*.tar.xz 2>/dev/null | head -n 1)
[ -n "$source" ] || { echo "install linux-source-6.1 first (apt-get install linux-source-6.1)" >&2; exit 1; }
mkdir -p "$work"
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
# gpio-sim needs configfs; its interrupts need UML_PCI_OVER_VIRTIO.  The second half is what systemd
# and the unit ask for: control groups with programs that allow devices, filters of system calls, name spaces.
for option in 64BIT BINFMT_ELF BINFMT_SCRIPT PRINTK TTY STDERR_CONSOLE SSL NULL_CHAN MULTIUSER FUTEX EPOLL EVENTFD \
	SIGNALFD TIMERFD POSIX_TIMERS HIGH_RES_TIMERS FILE_LOCKING MEMBARRIER PROC_FS SYSFS TMPFS SHMEM DEVTMPFS \
	HOSTFS CONFIGFS_FS UML_TIME_TRAVEL_SUPPORT VIRTIO_UML PCI UML_PCI_OVER_VIRTIO GPIOLIB GPIO_CDEV IRQ_SIM GPIO_SIM \
	PROC_SYSCTL SYSCTL NET UNIX INET IPV6 PACKET BLOCK BLK_DEV BLK_DEV_UBD EXT4_FS EXT4_FS_POSIX_ACL INOTIFY_USER FHANDLE AIO \
	ADVISE_SYSCALLS CGROUPS CGROUP_SCHED FAIR_GROUP_SCHED CGROUP_PIDS MEMCG CGROUP_BPF BPF_SYSCALL SECCOMP SECCOMP_FILTER \
	NAMESPACES UTS_NS IPC_NS USER_NS PID_NS NET_NS SYSVIPC POSIX_MQUEUE TMPFS_XATTR TMPFS_POSIX_ACL AUTOFS_FS KEYS RSEQ \
	CRYPTO CRYPTO_HMAC CRYPTO_SHA256 CRYPTO_USER_API_HASH TTY_CHAN UNIX98_PTYS KALLSYMS BUG KCMP ELF_CORE COREDUMP \
	WATCHDOG WATCHDOG_CORE WATCHDOG_SYSFS SOFT_WATCHDOG; do
	echo "CONFIG_$option=y" >>.config
done
echo CONFIG_UML_PCI_OVER_VIRTIO_DEVICE_ID=1234 >>.config
echo CONFIG_KERNEL_STACK_ORDER=4 >>.config
make ARCH=um olddefconfig
for option in GPIO_SIM SOFT_WATCHDOG CGROUP_BPF SECCOMP_FILTER EXT4_FS; do
	grep -q "^CONFIG_$option=y" .config || { echo "this kernel source has no $option for user-mode Linux" >&2; exit 1; }
done
make ARCH=um -j"$(nproc)" linux
cp linux "$work/linux"
