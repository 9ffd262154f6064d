package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// command runs the agent with arguments and answers what it wrote and its exit code.
func command(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asAgent+"=1")
	b, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError) //nolint:errorlint // CombinedOutput answers it bare
	*exit = e
	return ok
}

// must runs a command that must end with the code.
func ends(t *testing.T, code int, args ...string) string {
	t.Helper()
	out, got := command(t, args...)
	if got != code {
		t.Fatalf("agent %s ends with %d, not %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// box is a folder in which an agent of the live site runs: the old one, or the one that
// takes its place.
type box struct {
	*live
	t *testing.T
}

func newBox(t *testing.T) box { return box{newLive(t, ""), t} }

// beside is another box of the same site, broker and page, without records.
func (b box) beside() box {
	b.t.Helper()
	l := *b.live
	l.folder = b.t.TempDir()
	return box{&l, b.t}
}

func (b box) config() string { return filepath.Join(b.folder, "keeplit.yaml") }

// keys brings the secrets by hand, as a person does.
func (b box) keys(from box) {
	b.t.Helper()
	for _, name := range []string{"token.key", "mqtt.password", "pin.hash"} {
		data, err := os.ReadFile(filepath.Join(from.folder, name))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.folder, name), data, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// during runs the agent while f lasts, with the meter's register at kwh.
func (b box) during(kwh float64, f func()) {
	b.t.Helper()
	cmd, out := b.start(b.t)
	ctx, stop := context.WithCancel(b.t.Context())
	go func() {
		for ctx.Err() == nil {
			b.broker.Publish("tele/meter/SENSOR", 0, false, fmt.Sprintf(`{"ENERGY":{"Total":%.6f,"Voltage":230}}`, kwh))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	f()
	stop()
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
}

// view is what the page says of credit and warnings.
type view struct {
	Credit   struct{ Balance string }
	Warnings []struct{ Code, Title, Cause string }
	Meter    struct {
		ImportKWh *float64 `json:"import_kwh"`
	}
}

func (b box) view() (v view) {
	r, err := http.Get(b.url + "/api/v1/view")
	if err != nil {
		return v
	}
	defer r.Body.Close()
	_ = json.NewDecoder(r.Body).Decode(&v)
	return v
}

func (v view) warned(code string) string {
	for _, w := range v.Warnings {
		if w.Code == code {
			return w.Cause
		}
	}
	return ""
}

func (b box) eventually(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("it does not come to pass that %s: %+v", what, b.view())
		}
	}
}

// answered is what becomes of the token of this number.
func (b box) answered(n int) (got string) {
	b.t.Helper()
	b.eventually("a token is answered", func() bool { got = b.byAPI(b.t.Context(), token(b.t, n, 10)); return got != "" })
	return got
}

func (b box) enters(n int) {
	b.t.Helper()
	if got := b.answered(n); got != "accepted" {
		b.t.Fatalf("token %d is answered %q", n, got)
	}
}

// counts waits until the agent has the register.
func (b box) counts(kwh float64) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("the register is at %g", kwh), func() bool {
		v := b.view()
		return v.Meter.ImportKWh != nil && *v.Meter.ImportKWh > kwh-0.0005 && *v.Meter.ImportKWh < kwh+0.0005
	})
}

func (b box) balance() units.Money {
	b.t.Helper()
	m, err := units.ParseMoney(b.view().Credit.Balance)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b box) acknowledges(code string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/api/v1/warnings/"+code+"/seen", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+livePIN)
	a, err := http.DefaultClient.Do(r)
	if err != nil || a.StatusCode != http.StatusNoContent {
		b.t.Fatalf("%v %v", a, err)
	}
	_ = a.Body.Close()
}

// The card dies, and an old backup is brought back on a new box: what was used since is
// charged by the register, no token counts before a person has said that the old box is
// gone, then those that only the dead ledger knew count once, and those in the backup never.
// The credit is the true one at the end, and never more on the way.
func TestAnOldBackupOnANewBoxBringsTheTrueCreditBack(t *testing.T) {
	t.Parallel()
	old := newBox(t)
	file := filepath.Join(t.TempDir(), "backup")
	old.during(1000, func() {
		old.enters(1)
		old.counts(0)
		ends(t, exitOK, "backup", file, old.config()) // beside the running agent
		old.enters(2)
	})
	old.during(1000.04, func() { old.counts(0.04) }) // used since, at 0.25 a kWh
	if got := old.heldOnDisk(); got != 120*units.One-units.One/100 {
		t.Fatalf("the old box has %s", got)
	}

	// The configuration comes with it, the keys do not: nothing is there before they are.
	fresh := old.beside()
	says := ends(t, exitInvalid, "restore", file, fresh.config())
	for _, want := range []string{"tokens.openpaygo.key", "Put these in place", filepath.Join(fresh.folder, "token.key")} {
		if !strings.Contains(says, want) {
			t.Errorf("it does not say %q:\n%s", want, says)
		}
	}
	if left, err := filepath.Glob(filepath.Join(fresh.folder, "*")); err != nil || len(left) > 0 {
		t.Errorf("half a restore is left: %v %v", left, err)
	}
	fresh.keys(old)
	if err := os.WriteFile(filepath.Join(fresh.folder, "token.key"), []byte(strings.Repeat("0", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if says := ends(t, exitInvalid, "restore", file, fresh.config()); !strings.Contains(says, "is not the key that the backup was made with") {
		t.Errorf("a key of another meter is answered:\n%s", says)
	}
	fresh.keys(old)
	says = ends(t, exitOK, "restore", file, fresh.config(), "--reason", "the card is dead")
	for _, want := range []string{"brought back from the backup of", "the card is dead", "charged by the meter's register", "cannot be known here", "acknowledges the warning"} {
		if !strings.Contains(says, want) {
			t.Errorf("it does not say %q:\n%s", want, says)
		}
	}

	fresh.during(1000.06, func() {
		fresh.counts(0.06)
		if got, want := fresh.balance(), 110*units.One-units.One*15/1000; got != want {
			t.Errorf("after the first reading the credit is %s, want %s", got, want)
		}
		if cause := fresh.view().warned("records_restored"); !strings.Contains(cause, "register") || !strings.Contains(cause, "cannot be known") {
			t.Errorf("the page says %q", cause)
		}
		for n := 1; n <= 3; n++ {
			if got := fresh.answered(n); got != "not_recorded" {
				t.Errorf("before anybody has decided, token %d is answered %q", n, got)
			}
		}
	})
	fresh.during(1000.06, func() { // and it says so after a restart
		fresh.eventually("the page says so", func() bool { return fresh.view().warned("records_restored") != "" })
		fresh.acknowledges("records_restored")
		if fresh.view().warned("ledger_old") != "" { // what the broker knows of the old box's ledger
			fresh.acknowledges("ledger_old")
		}
		fresh.eventually("a token counts", func() bool {
			if fresh.view().warned("ledger_old") != "" {
				fresh.acknowledges("ledger_old")
			}
			return fresh.byAPI(t.Context(), token(t, 2, 10)) == "accepted"
		})
		if got := fresh.answered(1); got != "already_used" {
			t.Errorf("a token of the backup is answered %q", got)
		}
		if got := fresh.answered(2); got != "already_used" {
			t.Errorf("the second time, token 2 is answered %q", got)
		}
		if got, want := fresh.balance(), 120*units.One-units.One*15/1000; got != want {
			t.Errorf("the credit is %s, and the true one %s", got, want)
		}
	})
	if says := ends(t, exitOK, "ledger", "verify", filepath.Join(fresh.folder, "data")); !strings.Contains(says, "sound") {
		t.Error(says)
	}
}

// heldOnDisk is the balance that the stopped agent has stored, accrued charges taken off.
func (b box) heldOnDisk() units.Money {
	b.t.Helper()
	st, err := store.Open(b.t.Context(), filepath.Join(b.folder, "data"), store.Options{ReadOnly: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer st.Close()
	snap, err := st.Load(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var doc struct {
		Credit struct {
			Balance units.Money
			Pending []struct{ Charge struct{ Amount units.Money } }
		}
	}
	if err := json.Unmarshal(snap.Checkpoint, &doc); err != nil {
		b.t.Fatal(err)
	}
	sum := doc.Credit.Balance
	for _, p := range doc.Credit.Pending {
		sum -= p.Charge.Amount
	}
	return sum
}

// asOfForm4 has the records of the stopped agent as the program before there were bases left them.
func (b box) asOfForm4() {
	b.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(b.folder, "data", "keeplit.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	var stored, base []byte
	var sum string
	if err := db.QueryRow("SELECT c.data, c.base, b.data FROM checkpoint c LEFT JOIN checkpoint_base b").Scan(&stored, &sum, &base); err != nil {
		b.t.Fatal(err)
	}
	plain, err := store.Unpack(stored, sum, base)
	if err != nil {
		b.t.Fatal(err)
	}
	var form int
	if err := db.QueryRow("PRAGMA user_version").Scan(&form); err != nil {
		b.t.Fatal(err)
	}
	if _, err = db.Exec("UPDATE checkpoint SET data = ?, base = ''", plain); err == nil {
		_, err = db.Exec(fmt.Sprintf("ALTER TABLE checkpoint DROP COLUMN base; DROP TABLE checkpoint_base; PRAGMA user_version=%d", form-1))
	}
	if err := errors.Join(err, db.Close()); err != nil || form%10 != 5 {
		b.t.Fatal(form, err)
	}
}

// A program is put in the place of an older one, and before it is started for the first time its
// records are asked for: they are read as they are, and a backup of them goes on.
func TestRecordsOfTheProgramBeforeAreReadBeforeTheFirstStart(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.during(1000, func() { b.enters(1) })
	b.asOfForm4()
	data := filepath.Join(b.folder, "data")
	for _, args := range [][]string{{"ledger", "verify", data}, {"ledger", "export", data}, {"profile", data}, {"limits", data}} {
		ends(t, exitOK, args...)
	}
	if says, _ := command(t, "doctor", b.config()); !strings.Contains(says, "both files are whole") {
		t.Error(says)
	}
	file := filepath.Join(t.TempDir(), "backup")
	ends(t, exitOK, "backup", file, b.config())
	ends(t, exitOK, "restore", file, b.config()) // nothing was entered since
	// What is there is no records: a first start that was broken off, and another program's file.
	for change, code := range map[string]int{"": exitOK, "CREATE TABLE photos(x); PRAGMA user_version=3": exitInvalid} {
		name := filepath.Join(data, "keeplit.db")
		if err := errors.Join(os.RemoveAll(data), os.MkdirAll(data, 0o700), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", name)
		if err == nil {
			_, err = db.Exec(change)
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if says := ends(t, code, "restore", file, b.config()); code != exitOK && !strings.Contains(says, "another program") {
			t.Error(says)
		}
	}
}

// A box that works is replaced: from the mark on it refuses to run, whatever program is on it,
// and the other goes on with all of it, keys too where a passphrase guards them.  Called off, the
// first takes its records back; the same backup elsewhere is then an old one.
func TestAReplacedBoxNeverRunsBesideTheOneThatTookItsPlace(t *testing.T) {
	t.Parallel()
	old := newBox(t)
	folder := t.TempDir()
	word := filepath.Join(folder, "word")
	if err := os.WriteFile(word, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	old.during(1000, func() {
		old.enters(1)
		if says := ends(t, exitFailure, "replace", filepath.Join(folder, "early"), old.config()); !strings.Contains(says, "is running") {
			t.Errorf("beside a running agent it says:\n%s", says)
		}
	})
	file := filepath.Join(folder, "handover")
	says := ends(t, exitOK, "replace", file, old.config(), "--passphrase-file", word)
	if !strings.Contains(says, "This box is retired") {
		t.Error(says)
	}
	for _, args := range [][]string{{"run", old.config()}, {"ledger", "adjust", old.config(), "--amount=5", "--reason", "x"}} {
		says, code := command(t, args...)
		if code == exitOK || !strings.Contains(says, "handed over to another box") {
			t.Errorf("agent %v on the retired box ends with %d:\n%s", args, code, says)
		}
	}
	if _, code := command(t, "run", old.config()); code != exitRetired {
		t.Errorf("a retired box ends with %d: the service manager would start it again", code)
	}
	// The program before last has handed it over, and this one is put in its place: it may be
	// looked at, and what comes below takes it back.
	old.asOfForm4()
	ends(t, exitOK, "ledger", "verify", filepath.Join(old.folder, "data"))
	if says := ends(t, exitInvalid, "doctor", old.config()); !strings.Contains(says, "handed over to another box") {
		t.Error(says)
	}
	again := filepath.Join(folder, "again")
	ends(t, exitOK, "replace", again, old.config()) // the stick was lost

	if says := ends(t, exitInvalid, "restore", file, filepath.Join(folder, "none.yaml")); !strings.Contains(says, "passphrase") {
		t.Error(says)
	}
	fresh := old.beside()
	says = ends(t, exitOK, "restore", file, fresh.config(), "--passphrase-file", word)
	if !strings.Contains(says, "written: "+filepath.Join(fresh.folder, "token.key")) {
		t.Errorf("the keys do not come along:\n%s", says)
	}
	fresh.during(1000.02, func() {
		fresh.counts(0.02)
		if cause := fresh.view().warned("records_restored"); !strings.Contains(cause, "retired") {
			t.Errorf("the page says %q", cause)
		}
		fresh.acknowledges("records_restored")
		fresh.enters(2)
		if got := fresh.answered(1); got != "already_used" {
			t.Errorf("a token of the old box is answered %q", got)
		}
		if got, want := fresh.balance(), 120*units.One-units.One/200; got != want {
			t.Errorf("the credit is %s, want %s", got, want)
		}
	})

	// The same file on the same box later: what was entered since would be lost.
	if says := ends(t, exitInvalid, "restore", file, fresh.config(), "--passphrase-file", word); !strings.Contains(says, "newer than the backup") || !strings.Contains(says, "--discard") {
		t.Error(says)
	}
	says = ends(t, exitOK, "restore", file, fresh.config(), "--passphrase-file", word, "--discard", "--reason", "as if")
	aside, err := filepath.Glob(filepath.Join(fresh.folder, "data", "before-restore-*", "keeplit.db"))
	if err != nil || len(aside) != 1 || !strings.Contains(says, filepath.Dir(aside[0])) {
		t.Errorf("the records that were there are at %v, %v:\n%s", aside, err, says)
	}
	// Called off: the old box takes its own back with the backup of the same handing over.
	ends(t, exitOK, "restore", again, old.config())
	old.during(1000.03, func() {
		old.eventually("it says so", func() bool { return old.view().warned("records_restored") != "" })
		if got := old.answered(2); got != "not_recorded" {
			t.Errorf("before anybody has decided, token 2 is answered %q", got)
		}
	})
}

// The copies of the ledger that an agent makes every night are restored in the same way; the
// configuration and the history are what is there.
func TestANightlyCopyIsABackupToo(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	copied := filepath.Join(t.TempDir(), "keeplit-20261130-031700.db")
	b.during(1000, func() { b.enters(1); b.counts(0) })
	st, err := store.Open(t.Context(), filepath.Join(b.folder, "data"), store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.Backup(t.Context(), copied), st.Close()); err != nil {
		t.Fatal(err)
	}
	b.during(1000.02, func() { b.enters(2); b.counts(0.02) })
	if says := ends(t, exitInvalid, "restore", copied, b.config()); !strings.Contains(says, "newer than the backup") {
		t.Error(says)
	}
	// The disk loses a page in the middle of the ledger.
	main := filepath.Join(b.folder, "data", "keeplit.db")
	data, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] = 0xff
	}
	if err := os.WriteFile(main, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, code := command(t, "run", b.config()); code != exitFailure {
		t.Errorf("on damaged records the agent ends with %d", code)
	}
	half := filepath.Join(t.TempDir(), "half.db")
	part, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, part[:len(part)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if says, code := command(t, "restore", half, b.config()); code == exitOK || !strings.Contains(says, "damaged") {
		t.Errorf("half a copy ends with %d:\n%s", code, says)
	}
	ends(t, exitOK, "restore", copied, b.config())
	b.during(1000.04, func() {
		b.counts(0.04)
		if got, want := b.balance(), 110*units.One-units.One/100; got != want {
			t.Errorf("the credit is %s, want %s", got, want)
		}
		b.acknowledges("records_restored")
	})
}

// A backup that is damaged, cut, of a later program, or of another account changes nothing.
func TestABackupThatIsNotRightChangesNothing(t *testing.T) {
	t.Parallel()
	old := newBox(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "backup")
	old.during(1000, func() { old.enters(1); old.counts(0) })
	ends(t, exitOK, "backup", file, old.config())
	if says := ends(t, exitFailure, "backup", file, old.config()); !strings.Contains(says, "exists and is left as it is") {
		t.Error(says)
	}
	if says := ends(t, exitOK, "restore", "--look", file); !strings.Contains(says, "is whole, and not enciphered") || !strings.Contains(says, "balance 110.00") || !strings.Contains(says, "not in it: token.key") {
		t.Error(says)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)*2/3] ^= 0x10
	for name, row := range map[string]struct {
		data []byte
		says string
	}{
		"a bit of it is another": {flipped, "damaged or cut off"},
		"its end is missing":     {whole[:len(whole)-100], "damaged or cut off"},
		"half of it is missing":  {whole[:len(whole)/2], "damaged or cut off"},
		"something behind it":    {append(bytes.Clone(whole), "more"...), "damaged or cut off"},
		"of a later program":     {bytes.Replace(whole, []byte("keeplit backup 1\n"), []byte("keeplit backup 9\n"), 1), "install the version that made it"},
		"no backup at all":       {[]byte("PK\x03\x04"), "no backup of keeplit"},
		"an empty file":          {nil, "no backup of keeplit"},
	} {
		bad := filepath.Join(folder, "bad")
		if err := os.WriteFile(bad, row.data, 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := old.beside()
		fresh.keys(old)
		if says := ends(t, exitInvalid, "restore", bad, fresh.config()); !strings.Contains(says, row.says) {
			t.Errorf("%s: it says\n%s", name, says)
		}
		if left, err := filepath.Glob(filepath.Join(fresh.folder, "*")); err != nil || len(left) != 3 {
			t.Errorf("%s: it leaves %v %v", name, left, err)
		}
	}
	other := newBox(t)
	other.during(1, func() { other.enters(1); other.counts(0) })
	if says := ends(t, exitInvalid, "restore", file, other.config()); !strings.Contains(says, "another account") {
		t.Errorf("over the records of another account it says:\n%s", says)
	}
}
