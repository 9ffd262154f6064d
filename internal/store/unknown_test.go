package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// unsyncedVictim, set to a folder, makes this test binary an agent whose disk
// fails: see TestASyncThatFailsLeavesTheOutcomeUnknown.
const unsyncedVictim = "KEEPLIT_TEST_UNSYNCED_VICTIM"

// TestUnsyncedVictim stores an entry, then one more at each line on its standard
// input, and says what Commit answered.
func TestUnsyncedVictim(t *testing.T) {
	dir := os.Getenv(unsyncedVictim)
	if dir == "" {
		t.Skip("this is the victim of TestASyncThatFailsLeavesTheOutcomeUnknown")
	}
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{Ballast: -1})
	must(t, err)
	e := next(credit.Entry{}, 1)
	must(t, s.Commit(ctx, Batch{Ledger: []credit.Entry{e}}))
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		e2 := next(e, 1)
		err := s.Commit(ctx, Batch{Ledger: []credit.Entry{e2}, Tokens: []SeenToken{{"t2", t0, 2}}})
		unknown := (*UnknownError)(nil)
		switch {
		case err == nil:
			fmt.Println("stored")
		case errors.As(err, &unknown):
			fmt.Println("unknown")
		default:
			fmt.Println("refused", err)
		}
	}
}

// The disk takes what is written and fails to confirm it; then the agent is
// killed.  What it could not confirm may be found at the next start, so it must
// never have said that it is not there.
func TestASyncThatFailsLeavesTheOutcomeUnknown(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace here to make a sync fail")
	}
	for _, heals := range []bool{false, true} {
		t.Run(fmt.Sprintf("heals_%v", heals), func(t *testing.T) {
			dir := memDir(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestUnsyncedVictim$")
			cmd.Env = append(os.Environ(), unsyncedVictim+"="+dir)
			in, err := cmd.StdinPipe()
			must(t, err)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			lines := bufio.NewScanner(out)
			heard := func() string { lines.Scan(); return lines.Text() }
			if got := heard(); got != "ready" {
				t.Fatalf("the victim says %q", got)
			}
			fault := exec.Command(strace, "-f", "-p", strconv.Itoa(cmd.Process.Pid), "-o", os.DevNull,
				"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
			said, err := fault.StderrPipe()
			must(t, err)
			must(t, fault.Start())
			attached := bufio.NewScanner(said)
			if !attached.Scan() || !strings.Contains(attached.Text(), "attached") {
				_ = fault.Wait()
				t.Skipf("strace may not attach here: %s", attached.Text())
			}
			time.Sleep(100 * time.Millisecond) // until it holds every thread
			_, err = fmt.Fprintln(in)
			must(t, err)
			answer := heard()
			_ = fault.Process.Signal(os.Interrupt) // it lets go
			_ = fault.Wait()
			if answer != "unknown" {
				t.Errorf("the victim's word on a sync that failed is %q", answer)
			}
			if heals {
				_, err = fmt.Fprintln(in)
				must(t, err)
				if got := heard(); got != "stored" { // by the same entry: it was not there
					t.Errorf("when the disk is well again, it says %q", got)
				}
			}
			must(t, cmd.Process.Kill())
			_ = cmd.Wait()
			s := open(t, dir, Options{Ballast: -1})
			snap, err := s.Load(context.Background())
			must(t, err)
			if snap.Head.Seq != 2 || snap.Tokens != 1 {
				t.Errorf("after the start: %+v", snap)
			}
		})
	}
}
