package line

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/metering"
)

func TestBackoff(t *testing.T) {
	for _, row := range []struct {
		every    time.Duration
		failures int
		want     time.Duration
	}{
		{2 * time.Second, 1, 2 * time.Second},
		{2 * time.Second, 2, 4 * time.Second},
		{2 * time.Second, 5, 32 * time.Second},
		{2 * time.Second, 6, time.Minute},
		{2 * time.Second, 1_000_000, time.Minute},
		{10 * time.Minute, 3, 10 * time.Minute},
		{time.Millisecond, 1, 100 * time.Millisecond},
	} {
		if got := Backoff(row.every, row.failures); got != row.want {
			t.Errorf("Backoff(%v, %d) = %v, want %v", row.every, row.failures, got, row.want)
		}
	}
}

// A meter is asked at its pace, more rarely while it fails, and at its pace
// again after the first answer.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var at []time.Duration
		err := Poll(ctx, Pace{Every: 2 * time.Second}, func(metering.Reading) {
			at = append(at, time.Since(began))
			if len(at) == 8 {
				cancel()
			}
		}, func(context.Context) (metering.Sample, error) {
			time.Sleep(500 * time.Millisecond) // the meter takes its time
			if n++; n >= 3 && n <= 5 {
				return metering.Sample{}, errors.New("silent")
			}
			return metering.Sample{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ms := func(v ...int) (d []time.Duration) {
			for _, x := range v {
				d = append(d, time.Duration(x)*time.Millisecond)
			}
			return d
		}
		// Answers at 0.5, 2.5 (asked every 2 s); failures at 4.5, then 2, 4 and 8 s
		// after each; then every 2 s again.
		want := ms(500, 3000, 5000, 7500, 12_000, 20_500, 23_000, 25_000)
		for i := range want {
			if d := at[i] - want[i]; d < -600*time.Millisecond || d > 600*time.Millisecond {
				t.Fatalf("readings at %v, want about %v", at, want)
			}
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Read(ctx, a, make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	go func() { _, _ = b.Write([]byte("xy")) }()
	buf := make([]byte, 2)
	if n, err := ReadFull(t.Context(), a, buf); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	b.Close()
	if _, err := Read(t.Context(), a, buf); err == nil {
		t.Error("a closed line gave no error")
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		code metering.Code
	}{
		{"nothing came", ReadError("read", 0, context.DeadlineExceeded), metering.Silent},
		{"a part came", ReadError("read", 3, context.DeadlineExceeded), metering.Short},
		{"the line broke", ReadError("read", 3, errors.New("I/O error")), metering.Offline},
		{"no such device", OpenError("/dev/x", os.ErrNotExist), metering.Offline},
		{"not allowed", OpenError("/dev/x", os.ErrPermission), metering.Offline},
		{"the other side ended it", ReadError("read", 0, errEnded), metering.Offline},
	} {
		var e *metering.Error
		if !errors.As(row.err, &e) || e.Code != row.code || e.Remedy == "" {
			t.Errorf("%s: %v", row.name, row.err)
		}
	}
}

func TestMode(t *testing.T) {
	if got := (Mode{Baud: 300, DataBits: 7, Parity: "even"}).String(); got != "300 7E1" {
		t.Errorf("mode %q", got)
	}
	if _, err := (Mode{Baud: 9600, Parity: "mark"}).lower(); err == nil {
		t.Error("parity mark was accepted")
	}
	if _, err := Serial("/dev/does-not-exist", Mode{Baud: 9600})(t.Context()); err == nil {
		t.Error("a port that does not exist was opened")
	}
}
