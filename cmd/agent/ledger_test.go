package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// keepLedger stores a ledger of n intervals in dir, with the state beside it.
func keepLedger(t *testing.T, dir string, n int) credit.Account {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	doc := credit.Defaults()
	doc.Opening = 1000 * units.One
	engine, err := credit.New(doc, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	a, entries := engine.Open("meter 1", now)
	for range n {
		now = now.Add(30 * time.Minute)
		a, _ = engine.Accrue(a, now, credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: 123_456, Energy: units.KilowattHour / 2})
		var more []credit.Entry
		a, more = engine.Settle(a, now, now.Format(time.RFC3339))
		entries = append(entries, more...)
	}
	state, err := json.Marshal(map[string]any{"credit": a})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), store.Batch{At: now, Ledger: entries, Checkpoint: state}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

// agent runs one command line in this process.
func agent(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &env{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: os.Getenv})
	return code, out.String(), errs.String()
}

func TestLedgerIsVerifiedAndExported(t *testing.T) {
	dir := t.TempDir()
	a := keepLedger(t, dir, 20)
	head := fmt.Sprintf("%d:%s", a.Head.Seq, a.Head.Hash)
	if code, out, errs := agent(t, "ledger", "verify", dir, "--head", head); code != exitOK || out != "sound: 21 entries, balance 997.530880, head "+head+"\n" {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	code, table, errs := agent(t, "ledger", "export", dir)
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if code != exitOK || len(lines) != 22 || !strings.HasPrefix(lines[2], "2,2026-03-02T12:30:00Z,consumption,energy,-0.123456,999.876544,0.000000,0.500000,0.000000,0.000000,energy: 0.500 kWh,2026-03-02T12:30:00Z,") {
		t.Errorf("code %d\n%s%s", code, table, errs)
	}
	if _, some, _ := agent(t, "ledger", "export", dir, "--since", "2026-03-02T12:30:00Z", "--until", "2026-03-02T13:30:00Z"); strings.Count(some, "\n") != 3 {
		t.Errorf("two entries and a head expected:\n%s", some)
	}
	// What is exported exactly can be verified by anybody who has a head.
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	_, exact, _ := agent(t, "ledger", "export", dir, "--format", "jsonl")
	for _, c := range []struct {
		name    string
		content string
		code    int
		says    string
	}{
		{"whole", exact, exitOK, "sound"},
		{"the last line cut", exact[:strings.LastIndex(strings.TrimSpace(exact), "\n")+1], exitInvalid, "ledger entry 21: missing"},
		{"an amount changed", strings.Replace(exact, `"amount":-123456`, `"amount":-123455`, 1), exitInvalid, "ledger entry 2: its content does not match its hash"},
		{"half a line", exact[:len(exact)-20], exitInvalid, "after ledger entry 20"},
	} {
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := agent(t, "ledger", "verify", file, "--head", head); code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: code %d\n%s%s", c.name, code, out, errs)
		}
	}
	// A folder put back from an older copy is sound in itself.
	old := t.TempDir()
	keepLedger(t, old, 10)
	if code, out, _ := agent(t, "ledger", "verify", old); code != exitOK {
		t.Errorf("code %d\n%s", code, out)
	}
	if code, _, errs := agent(t, "ledger", "verify", old, "--head", head); code != exitInvalid || !strings.Contains(errs, "an old copy was put back") {
		t.Errorf("code %d\n%s", code, errs)
	}
	if code, _, errs := agent(t, "ledger", "verify", old, "--head", "12"); code != exitUsage || !strings.Contains(errs, "SEQ:HASH") {
		t.Errorf("code %d\n%s", code, errs)
	}
	if code, _, errs := agent(t, "ledger", "verify", filepath.Join(old, "none")); code != exitInvalid || !strings.Contains(errs, "there is no ledger") {
		t.Errorf("code %d\n%s", code, errs)
	}
}

// Every byte of an exported ledger changed, every tail cut, as one who holds the
// head would look for it: the entry is named, or the file says the same.
func TestEveryChangedByteOfAnExportIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := keepLedger(t, dir, 6)
	head := fmt.Sprintf("%d:%s", a.Head.Seq, a.Head.Hash)
	_, exact, _ := agent(t, "ledger", "export", dir, "--format", "jsonl")
	want, err := storedLedger(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	verify := func(content string) (code int, says string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer // the command as its arguments have been read
		err := ledgerVerifyCmd{From: file, Head: []string{head}}.Run(&env{Ctx: t.Context(), Stdout: &out})
		var exit *exitError
		if errors.As(err, &exit) {
			return exit.Code, exit.Error()
		}
		return exitOK, ""
	}
	same := func(content string) bool {
		var got []credit.Entry
		for e, err := range exported(strings.NewReader(content)) {
			if err != nil {
				return false
			}
			got = append(got, e)
		}
		return slices.Equal(got, want)
	}
	random := rand.New(rand.NewPCG(5, 6))
	named, harmless := 0, 0
	for at := range len(exact) {
		bad := []byte(exact)
		bad[at] ^= byte(1 + random.IntN(255))
		line := 1 + strings.Count(exact[:at], "\n")
		switch code, says := verify(string(bad)); {
		case same(string(bad)):
			harmless++ // a blank for the end of a line, a letter of a key in upper case
		case code != exitInvalid:
			t.Errorf("byte %d changed: code %d", at, code)
		case !strings.Contains(says, fmt.Sprintf("entry %d:", line)) && !strings.Contains(says, fmt.Sprintf("after ledger entry %d:", line-1)) &&
			!strings.Contains(says, fmt.Sprintf("entry %d:", line+1)) && !strings.Contains(says, fmt.Sprintf("after ledger entry %d:", line)):
			t.Errorf("byte %d of entry %d changed, and another one is named: %s", at, line, says)
		default:
			named++
		}
	}
	lines := strings.SplitAfter(exact, "\n")
	for n := range len(want) {
		code, says := verify(strings.Join(lines[:n], ""))
		if code != exitInvalid || !strings.Contains(says, fmt.Sprintf("ledger entry %d: missing", n+1)) {
			t.Errorf("cut after entry %d: code %d, %s", n, code, says)
		}
	}
	t.Logf("%d bytes: %d changes named, %d that say the same", len(exact), named, harmless)
	if named < len(exact)*9/10 {
		t.Errorf("only %d of %d changes were found", named, len(exact))
	}
}

// A byte of the database file changed: either no entry reads differently, for
// much of a file is room, indexes and other tables, or verify tells.  KEEPLIT_FLIPS
// says how many are changed; 120 if not given.
func TestAChangedByteOfTheFileIsFound(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	dir := t.TempDir()
	keepLedger(t, dir, 60)
	name := filepath.Join(dir, "keeplit.db")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := storedLedger(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	found, harmless := 0, 0
	flips := envInt(t, "KEEPLIT_FLIPS", 120)
	for range flips {
		at := random.IntN(len(whole))
		bad := slices.Clone(whole)
		bad[at] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := storedLedger(t.Context(), dir)
		code, _, errs := agent(t, "ledger", "verify", dir)
		switch {
		case err == nil && slices.Equal(got, want):
			harmless++
		case code == exitOK:
			t.Errorf("byte %d changed: the ledger reads otherwise (%v) and is called sound", at, err)
		case errs == "":
			t.Errorf("byte %d changed: code %d and no word why", at, code)
		default:
			found++
		}
	}
	t.Logf("%d bytes changed the ledger and were found, %d changed nothing of it", found, harmless)
	if found < flips/8 {
		t.Errorf("only %d of %d changes hit the ledger", found, flips)
	}
}

// The state beside the ledger cannot be unpacked: the statement is printed all the same, and
// verify says why and how far the entries go.
func TestALedgerWhoseStateIsLostIsStillPrinted(t *testing.T) {
	dir := t.TempDir()
	a := keepLedger(t, dir, 3)
	db, err := sql.Open("sqlite", filepath.Join(dir, "keeplit.db"))
	if err == nil {
		_, err = db.Exec("UPDATE checkpoint SET base = 'x'")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	code, out, errs := agent(t, "ledger", "export", dir)
	if lines := strings.Count(out, "\n"); code != exitOK || lines != 1+int(a.Head.Seq) {
		t.Errorf("%d, %d lines: %s", code, lines, errs)
	}
	code, _, errs = agent(t, "ledger", "verify", dir)
	if code != exitInvalid || !strings.Contains(errs, "its base is not the one") || !strings.Contains(errs, a.Head.Hash) {
		t.Errorf("%d: %s", code, errs)
	}
}

func storedLedger(ctx context.Context, dir string) ([]credit.Entry, error) {
	s, err := store.Open(ctx, dir, store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	var out []credit.Entry
	for e, err := range s.Ledger(ctx, 1) {
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// The retained message of the head, kept outside, shows what no chain can show
// by itself.
func TestAPublishedHeadShowsAnOldCopy(t *testing.T) {
	dir := t.TempDir()
	a := keepLedger(t, dir, 40)
	head := fmt.Sprintf(`{"seq":%d,"hash":"%s","balance":"%s"}`, a.Head.Seq, a.Head.Hash, a.Head.Balance)
	if code, out, errs := agent(t, "ledger", "verify", dir, "--head", head); code != 0 {
		t.Fatalf("the ledger it was published of: %d %s%s", code, out, errs)
	}
	old := t.TempDir()
	keepLedger(t, old, 30) // an old copy: sound in itself
	if code, _, errs := agent(t, "ledger", "verify", old); code != 0 {
		t.Fatalf("the old copy is not sound: %s", errs)
	}
	if code, out, errs := agent(t, "ledger", "verify", old, "--head", head); code == 0 {
		t.Fatalf("an old copy is called sound: %s%s", out, errs)
	}
	if code, _, errs := agent(t, "ledger", "verify", dir, "--head", "{nonsense"); code != exitUsage || !strings.Contains(errs, "head") {
		t.Errorf("nonsense for a head: %d %s", code, errs)
	}
}
