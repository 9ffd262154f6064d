package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// A power cut takes with it whatever was written and not synced.  The victim's
// system calls are recorded, and the disk is built again as it would be found
// after a cut at every acknowledgement: with nothing that was not synced, and
// with any part of it.  Every token acknowledged by then must be there.
func TestTokensAcrossPowerCuts(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	_, scheme := tokenDesk(t)
	var tokens []string
	last := 0
	for i := range 10 {
		token, count, err := scheme.Issue(last, credit.AddCredit, 1+i)
		if err != nil {
			t.Fatal(err)
		}
		last = count
		tokens = append(tokens, token)
	}
	cmd := exec.Command(strace, "-f", "-y", "-xx", "-s", "200000", "-o", trace,
		"-e", "trace=write,pwrite64,fsync,fdatasync,ftruncate,unlink,unlinkat", os.Args[0], "-test.run=^TestTokenVictim$")
	cmd.Env = append(os.Environ(), tokenVictim+"="+dir)
	cmd.Stdin = strings.NewReader(strings.Join(tokens, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") || strings.Contains(string(out), "not permitted") {
			t.Skipf("this machine does not let strace trace: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}

	lost, cuts := cutPower(t, trace, dir, false)
	t.Logf("%d cuts, %d acknowledged tokens lost or doubled", cuts, lost)
	if cuts < 2*2*len(tokens) {
		t.Errorf("%d cuts: the record is not whole", cuts)
	}
	if lost > 0 {
		t.Errorf("%d acknowledged tokens lost or doubled", lost)
	}
	// The control: were the log not synced at each commit (synchronous NORMAL),
	// the same cuts would lose tokens, and this test would see it.
	lost, cuts = cutPower(t, trace, dir, true)
	t.Logf("without the sync of the log: %d cuts, %d lost", cuts, lost)
	if lost == 0 {
		t.Error("the control lost nothing: the test proves nothing")
	}
}

// disk is the files of a folder: what is safe, and what was written since.
type disk struct {
	safe    map[string][]byte
	pending map[string][]change
}

// change is one write (data at off) or, where data is nil, a truncation to off.
type change struct {
	off  int64
	data []byte
}

func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if c.data == nil || end > int64(len(b)) {
		grown := make([]byte, end)
		copy(grown, b)
		b = grown
	}
	copy(b[c.off:], c.data)
	return b
}

// found is the folder after a cut: each change not synced is there with a
// chance of keep.
func (d *disk) found(t *testing.T, random *rand.Rand, keep float64) string {
	t.Helper()
	dir := t.TempDir()
	names := map[string]bool{}
	for name := range d.safe {
		names[name] = true
	}
	for name := range d.pending {
		names[name] = true
	}
	for name := range names {
		b := append([]byte{}, d.safe[name]...)
		for _, c := range d.pending[name] {
			if random.Float64() < keep {
				b = c.apply(b)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// cutPower replays a trace and counts what is wrong after a cut at each
// acknowledgement.  lazyLog leaves the syncs of the write-ahead log out.
func cutPower(t *testing.T, trace, dir string, lazyLog bool) (lost, cuts int) {
	t.Helper()
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	random := rand.New(rand.NewPCG(7, 8))
	d := &disk{safe: map[string][]byte{}, pending: map[string][]change{}}
	acked := map[string]bool{}
	call := regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	args := regexp.MustCompile(`^(\d+)<([^>]*)>(?:, "([^"]*)")?(?:, (\d+))?(?:, (\d+))?`)
	begun := map[string]string{} // calls of a thread that another one interrupts in the record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		pid, rest, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, " <unfinished ...>"); ok {
			begun[pid] = head
			continue
		}
		if _, tail, ok := strings.Cut(rest, " resumed>"); ok && strings.Contains(rest, "<... ") {
			line = begun[pid] + tail
		}
		m := call.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[4], "-") {
			continue
		}
		if strings.HasPrefix(m[2], "unlink") {
			name := filepath.Base(unhex(t, m[3][strings.Index(m[3], `"`)+1:strings.LastIndex(m[3], `"`)]))
			delete(d.safe, name)
			delete(d.pending, name)
			continue
		}
		a := args.FindStringSubmatch(m[3])
		if a == nil {
			continue
		}
		path := unescape(a[2])
		name := filepath.Base(path)
		ours := filepath.Dir(path) == dir
		switch {
		case m[2] == "write" && a[1] == "1":
			token, code, _ := strings.Cut(strings.TrimSpace(unhex(t, a[3])), " ")
			if code == string(credit.Accept) {
				acked[token] = true
			}
			if len(acked) == 0 {
				continue
			}
			for _, keep := range []float64{0, random.Float64()} {
				cuts++
				lost += missing(t, d.found(t, random, keep), acked)
			}
		case !ours || strings.HasSuffix(name, "-shm"):
		case m[2] == "pwrite64":
			d.pending[name] = append(d.pending[name], change{placeOf(t, a[5]), []byte(unhex(t, a[3]))})
		case m[2] == "write":
			t.Fatalf("a write at no place: %s", line[:min(200, len(line))])
		case m[2] == "ftruncate":
			size := regexp.MustCompile(`>, (\d+)`).FindStringSubmatch(m[3])
			d.pending[name] = append(d.pending[name], change{placeOf(t, size[1]), nil})
		case lazyLog && strings.HasSuffix(name, "-wal"):
		default: // a sync
			for _, c := range d.pending[name] {
				d.safe[name] = c.apply(d.safe[name])
			}
			delete(d.pending, name)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return lost, cuts
}

// missing is how many acknowledged tokens are not in the ledger of dir exactly
// once.
func missing(t *testing.T, dir string, acked map[string]bool) int {
	t.Helper()
	// The agent starts again on what is left: it is the one that mends it.
	s, err := store.Open(t.Context(), dir, store.Options{Ballast: -1})
	if err != nil {
		return len(acked)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := storedLedger(t.Context(), dir)
	if err != nil || credit.Verify(entries) != nil {
		return len(acked)
	}
	credited := map[string]int{}
	for _, e := range entries {
		if e.Kind == credit.Topup {
			credited[e.Ref]++
		}
	}
	n := 0
	_, scheme := tokenDesk(t)
	for token := range acked {
		read, _ := scheme.Decode(scheme.Start(), token)
		if credited[credit.Fingerprint("openpaygo", read.ID)] != 1 {
			n++
		}
	}
	return n
}

// unhex is the bytes of strace's "\x41\x42".
func unhex(t *testing.T, s string) string {
	t.Helper()
	out := make([]byte, 0, len(s)/4)
	for ; s != ""; s = s[4:] {
		v, err := strconv.ParseUint(s[2:4], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, byte(v))
	}
	return string(out)
}

// unescape is a path as -y prints it, with or without \x escapes.
func unescape(s string) string {
	if out, err := strconv.Unquote(`"` + s + `"`); err == nil {
		return out
	}
	return s
}

func placeOf(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(fmt.Errorf("a call without its place: %w", err))
	}
	return n
}
