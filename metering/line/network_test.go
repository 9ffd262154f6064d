package line

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// What is said must lead to what is wrong.
func TestANetworkConnectionThatFailsSaysWhatIsLikely(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	c, err := TCP(address)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !networked(c) || networked(&serialConn{}) {
		t.Error("a connection is taken for a serial port, or the other way round")
	}
	_, ended := ReadFull(t.Context(), c, make([]byte, 1))
	_ = l.Close()
	_, refused := TCP(address)(t.Context())
	_, unknown := TCP("no-such-host.invalid:1")(t.Context())
	for _, row := range []struct {
		name string
		err  error
		says string
	}{
		{"ended at once", ReadError("read", 0, ended), "one client only"},
		{"refused", OpenError(address, refused), "one client only"},
		{"no such name", OpenError("x", unknown), "the name"},
		{"nobody there", OpenError("x", &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}), "in the network"},
	} {
		if e := (*metering.Error)(nil); !errors.As(row.err, &e) || e.Code != metering.Offline || !strings.Contains(e.Remedy, row.says) {
			t.Errorf("%s: %v", row.name, row.err)
		}
	}
}

func TestWhatFailedTogetherDoesNotComeBackTogether(t *testing.T) {
	waits := func(name string) (out []time.Duration) {
		p := Pace{Every: 100 * time.Millisecond, Spread: SpreadOf(name)}
		for n := 1; n < 12; n++ {
			d := p.after(n)
			if full := Backoff(p.Every, n); d > full || d < min(full, max(p.Every, full/2)) {
				t.Errorf("wait %d is %v of %v", n, d, full)
			}
			out = append(out, d)
		}
		return out
	}
	a, again, b := waits("10.0.0.5:1"), waits("10.0.0.5:1"), waits("10.0.0.5:2")
	same := 0
	for i := range a {
		if a[i] != again[i] {
			t.Fatalf("%v and then %v", a, again)
		}
		if a[i] == b[i] {
			same++
		}
	}
	if same > 2 { // the first is Every, whatever is drawn
		t.Errorf("%v and %v", a, b)
	}
}
