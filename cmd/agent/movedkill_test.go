package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// A restore is killed at each call by which it changes the disk, one after the other: there are
// the records from before or those of the backup, whole, and the next start, or the next restore,
// goes on from the one or the other.
func TestARestoreKilledAnywhereLeavesTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	b := newBox(t)
	file := filepath.Join(t.TempDir(), "backup")
	b.during(1000, func() { b.enters(1); b.counts(0) })
	ends(t, exitOK, "backup", file, b.config())
	b.during(1000, func() { b.enters(2) })
	before := headOf(t, filepath.Join(b.folder, "data"))

	calls := []string{"renameat,renameat2", "unlinkat", "linkat", "mkdirat", "fsync", "fdatasync", "pwrite64", "ftruncate"}
	stride := 2
	if os.Getenv("KEEPLIT_LONG") != "" {
		stride = 1
	}
	olds, news := 0, 0
	for _, call := range calls {
		for n := 1; n < 400; n += stride {
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS(b.folder)); err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"token.key", "mqtt.password", "pin.hash"} { // CopyFS opens them to others
				if err := os.Chmod(filepath.Join(folder, secret), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(strace, "-f", "--seccomp-bpf", "-o", os.DevNull, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n),
				os.Args[0], "restore", file, filepath.Join(folder, "keeplit.yaml"), "--discard")
			cmd.Env = append(os.Environ(), asAgent+"=1", "GOMAXPROCS=1")
			out, err := cmd.CombinedOutput()
			done := err == nil
			if !done && !strings.Contains(fmt.Sprint(err), "killed") && cmd.ProcessState.ExitCode() != 137 {
				if strings.Contains(string(out), "ptrace") || strings.Contains(string(out), "attach") {
					t.Skipf("strace may not trace here: %s", out)
				}
				t.Fatalf("%s %d: %v\n%s", call, n, err, out)
			}
			data := filepath.Join(folder, "data")
			got := headOf(t, data)
			switch {
			case got == before:
				olds++
				if done {
					t.Fatalf("%s %d: it says that it is done, and the old records are there", call, n)
				}
			case got.Name == "restored":
				news++
			default:
				t.Fatalf("%s %d: neither the old nor the new records are there: %+v, before %+v\n%s", call, n, got, before, out)
			}
			if left, err := filepath.Glob(filepath.Join(data, "restore.new*")); err != nil || len(left) > 0 {
				t.Errorf("%s %d: after a start %v is left, %v", call, n, left, err)
			}
			if n%5 == 1 {
				ends(t, exitOK, "restore", file, filepath.Join(folder, "keeplit.yaml"), "--discard")
			}
			if done {
				break
			}
		}
	}
	if olds < 5 || news < 5 {
		t.Errorf("%d kills left the old records and %d the new: it was not killed where it matters", olds, news)
	}
	t.Logf("%d kills left the old records, %d the new", olds, news)
}

// headOf starts the store as an agent does, and answers the end of its ledger, which it reads whole.
func headOf(t *testing.T, folder string) credit.Entry {
	t.Helper()
	st, err := store.Open(t.Context(), folder, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	v := credit.NewVerifier()
	for entry, err := range st.Ledger(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Next(entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.End(); err != nil {
		t.Fatal(err)
	}
	for _, err := range st.Intervals(t.Context(), "site", v.Last().At.AddDate(-1, 0, 0), v.Last().At.AddDate(1, 0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return v.Last()
}
