package meteringtest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time that the process has used, which a busy machine
// does not stretch as it stretches the clock.
func CPU(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Throughput runs decode over so many bytes again and again, and reports
// megabytes a second of processor time beside those of the clock.
func Throughput(b *testing.B, bytes int, decode func()) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	began := CPU(b)
	for b.Loop() {
		decode()
	}
	b.ReportMetric(float64(b.N)*float64(bytes)/1e6/(CPU(b)-began).Seconds(), "MB/cpu-s")
}
