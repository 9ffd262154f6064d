package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
)

// tokenVictim, set to a folder, makes this test binary a token desk there: see
// serveTokens.
const tokenVictim = "KEEPLIT_TEST_TOKEN_VICTIM"

func tokenDesk(t interface{ Fatal(...any) }) (*credit.Engine, *openpaygo.Scheme) {
	scheme, err := openpaygo.New(openpaygo.Document{Key: "00112233445566778899aabbccddeeff", StartingCode: 123456789, Unit: openpaygo.Money, ValueDivider: 1})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := credit.New(credit.Defaults(), time.UTC, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return engine, scheme
}

// fatal ends the victim with its reason on standard output.
type fatal struct{}

func (fatal) Fatal(why ...any) {
	fmt.Println(append([]any{"error"}, why...)...)
	os.Exit(1)
}

// serveTokens reads tokens from standard input and enters each twice, by two
// ways, storing account and entries in one transaction.  It prints a token and
// its code only when that transaction has returned.
func serveTokens(dir string) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fatal{}.Fatal(err)
		}
	}
	engine, _ := tokenDesk(fatal{})
	s, err := store.Open(ctx, dir, store.Options{Ballast: -1})
	must(err)
	snap, err := s.Load(ctx)
	must(err)
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var a credit.Account
	commit := func(next credit.Account, entries []credit.Entry, r *credit.Result) {
		state, err := json.Marshal(next)
		must(err)
		b := store.Batch{At: now, Checkpoint: state, Ledger: entries}
		if r != nil && r.Accepted() {
			b.Tokens = []store.SeenToken{{Fingerprint: r.Fingerprint, At: now, Seq: entries[0].Seq}}
		}
		must(s.Commit(ctx, b))
		a = next
	}
	if snap.Checkpoint == nil {
		next, entries := engine.Open("meter 1", now)
		commit(next, entries, nil)
	} else {
		must(json.Unmarshal(snap.Checkpoint, &a))
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		for _, way := range []string{"page", "mqtt"} {
			next, entries, r := engine.TopUp(a, now, lines.Text(), way)
			commit(next, entries, &r)
			fmt.Println(lines.Text(), r.Token.Code)
		}
	}
	os.Exit(0)
}

// TestTokenVictim is the process that TestTokensAcrossKills kills.
func TestTokenVictim(t *testing.T) {
	dir := os.Getenv(tokenVictim)
	if dir == "" {
		t.Skip("this is the victim of TestTokensAcrossKills")
	}
	serveTokens(dir)
}

// Tokens arrive, each by two ways, at an agent that is killed without warning
// at random moments: each is credited exactly once, and none that was
// acknowledged is lost.  KEEPLIT_KILLS says how often; 16 if not given.
func TestTokensAcrossKills(t *testing.T) {
	t.Parallel()
	kills := envInt(t, "KEEPLIT_KILLS", 16)
	_, scheme := tokenDesk(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(5, 6))
	issued, acked, counts := map[string]int{}, map[string]bool{}, map[string]int{}
	last, violations, midway := 0, 0, 0
	var waiting []string // issued and not yet acknowledged: the customer tries again
	for range kills {
		if len(waiting) == 0 {
			for range 8 {
				token, count, err := scheme.Issue(last, credit.AddCredit, 1+random.IntN(900))
				if err != nil {
					t.Fatal(err)
				}
				last = count
				waiting = append(waiting, token)
				issued[token], counts[token] = 0, count
			}
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestTokenVictim$")
		cmd.Env = append(os.Environ(), tokenVictim+"="+dir)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("the victim says %q", lines.Text())
		}
		end := make(chan struct{})
		go func() {
			defer close(end)
			time.Sleep(time.Duration(random.IntN(12_000)) * time.Microsecond)
			_ = cmd.Process.Kill()
		}()
		_, _ = io.WriteString(in, strings.Join(waiting, "\n")+"\n") // it may be dead already
		for lines.Scan() {
			token, code, _ := strings.Cut(lines.Text(), " ")
			switch credit.Code(code) {
			case credit.Accept:
				if issued[token]++; issued[token] > 1 {
					violations++
				}
				acked[token] = true
			case credit.Used: // taken before, perhaps by a victim that could not say so
				acked[token] = true
			default:
				t.Fatalf("token %s: %s", token, lines.Text())
			}
		}
		<-end
		_ = cmd.Wait() // it was killed
		var still []string
		for _, token := range waiting {
			if !acked[token] {
				still = append(still, token)
			}
		}
		if len(still) > 0 && len(still) < len(waiting) {
			midway++
		}
		waiting = still
	}
	// What the ledger says in the end.
	credited := map[string]int{}
	entries, err := storedLedger(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := credit.Verify(entries); err != nil {
		t.Fatal(err)
	}
	var sum units.Money
	for _, e := range entries {
		if e.Kind == credit.Topup {
			credited[e.Ref]++
			sum += e.Amount
		}
	}
	for token := range issued {
		n := credited[credit.Fingerprint("openpaygo", openpaygo.ID(counts[token]))]
		if n > 1 || n == 0 && acked[token] {
			violations++
			t.Errorf("token %s: acknowledged %v, credited %d times", token, acked[token], n)
		}
	}
	if sum != entries[len(entries)-1].Balance {
		t.Errorf("top-ups of %s make a balance of %s", sum, entries[len(entries)-1].Balance)
	}
	t.Logf("%d kills, %d of them between tokens of one batch; %d tokens acknowledged; %d violations", kills, midway, len(acked), violations)
	if violations > 0 {
		t.Errorf("%d violations", violations)
	}
}
