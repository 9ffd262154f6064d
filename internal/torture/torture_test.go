package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tools skips where what the harness needs is not there.
func tools(t *testing.T) {
	t.Helper()
	missing := ""
	if program("KEEPLIT_MOSQUITTO", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") == "" {
		missing = "mosquitto"
	}
	if _, err := exec.LookPath("strace"); err != nil {
		missing = "strace"
	}
	if missing == "" {
		return
	}
	if os.Getenv("KEEPLIT_REQUIRE_SERVERS") != "" {
		t.Fatalf("there is no %s", missing)
	}
	t.Skipf("there is no %s", missing)
}

// The short form of make torture: what hurts most, a few times.  KEEPLIT_LONG tries every
// fault, and the controls.
func TestNothingIsLostToWhatGoesWrong(t *testing.T) {
	t.Parallel()
	tools(t)
	long := os.Getenv("KEEPLIT_LONG") != ""
	s := session{builder: builder{tree: "../..", into: t.TempDir(), seams: seams(), made: map[string]string{}}, seed: 1, brief: !long, out: t.Output()}
	for _, f := range faults() {
		if f.short || long {
			s.faults = append(s.faults, f)
		}
	}
	results, err := s.run(t.Context(), time.Nanosecond, long)
	if err != nil {
		t.Fatal(err)
	}
	if err := verdict(s.faults, results); err != nil {
		t.Error(err)
	}
	for _, f := range s.faults {
		if results[f.name].tried == 0 {
			t.Errorf("%s was not tried", f.name)
		}
	}
}

// A control whose guard is not where it was would be no control.
func TestEveryGuardThatAControlTakesOutStandsInTheSource(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range faults() {
		if names[f.name] || strings.Contains(f.name, "|") {
			t.Errorf("%q names no row of its own", f.name)
		}
		names[f.name] = true
		edits := append(seams(), f.control.edits...)
		if f.seams != nil {
			edits = append(edits, f.seams()...)
		}
		if _, err := applied("../..", edits); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

const opening = 100_000_000

// whole are records without a fault: an opening, a token of 5, and half a kWh of which a
// part is not posted yet.
func whole() (*records, []*told) {
	tok := newVendor().next(5)
	r := &records{tokens: map[string]int64{tok.fingerprint: 2}, packed: []byte("{}")}
	add := func(kind, ref string, amount, energy int64) {
		e := entry{seq: int64(len(r.entries) + 1), kind: kind, ref: ref, amount: amount, energy: energy}
		if n := len(r.entries); n > 0 {
			e.prev, e.balance = r.entries[n-1].hash, r.entries[n-1].balance
		}
		e.balance += amount
		e.hash = e.sum()
		r.entries = append(r.entries, e)
	}
	add("opening", "", opening, 0)
	add("topup", tok.fingerprint, 5_000_000, 0)
	add("consumption", "", -100_000, 400_000*microjoules)
	last := r.entries[2]
	s := &r.state
	s.Meter.Import, s.Meter.Registers.Import = 1_500_000*microjoules, 500_000*microjoules
	s.Meter.Intervals.Open.Import, r.measured = 100_000*microjoules, 400_000*microjoules
	s.Credit.Balance, s.Credit.Head.Seq, s.Credit.Head.Hash = last.balance, last.seq, last.hash
	s.Credit.Pending = append(s.Credit.Pending, struct {
		Charge struct {
			Amount int64 `json:"amount"`
			Energy int64 `json:"energy"`
		} `json:"charge"`
	}{})
	s.Credit.Pending[0].Charge.Amount, s.Credit.Pending[0].Charge.Energy = 25_000, 100_000*microjoules
	return r, []*told{{token: tok, known: true, accepted: 1}}
}

func TestTheJudgeSeesEachLawThatIsBroken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(*records, []*told)
		want  string
	}{
		{"nothing is wrong", func(*records, []*told) {}, ""},
		{"an acknowledged token is in no entry", func(r *records, _ []*told) {
			r.entries[1].kind = "adjustment"
			r.entries[1].hash = r.entries[1].sum()
		}, "lost"},
		{"a token is there twice", func(r *records, _ []*told) { r.entries[2].kind, r.entries[2].ref = "topup", r.entries[1].ref }, "credited twice"},
		{"a token's worth is another", func(_ *records, c []*told) { c[0].value = 6 }, "is credited with"},
		{"a token was told to count now, twice", func(_ *records, c []*told) { c[0].accepted = 2 }, "accepted 2 times"},
		{"a token that nobody made", func(_ *records, c []*told) { c[0].fingerprint, c[0].known = "x", false }, "nobody has made"},
		{"a token is forgotten", func(r *records, _ []*told) { clear(r.tokens) }, "are remembered"},
		{"an entry was changed", func(r *records, _ []*told) { r.entries[0].cause = "x" }, "chain breaks"},
		{"an entry is missing", func(r *records, _ []*told) { r.entries = append(r.entries[:1], r.entries[2:]...) }, "chain breaks"},
		{"the state is older than the ledger", func(r *records, _ []*told) { r.state.Credit.Head.Seq = 2 }, "the ledger ends at"},
		{"energy is counted twice", func(r *records, _ []*told) { r.state.Meter.Registers.Import++ }, "are counted"},
		{"energy is charged twice", func(r *records, _ []*told) {
			r.state.Credit.Pending = append(r.state.Credit.Pending, r.state.Credit.Pending[0])
		}, "are charged"},
		{"an interval is missing", func(r *records, _ []*told) { r.measured = 0 }, "the intervals hold"},
		{"credit is lost", func(r *records, _ []*told) { r.state.Credit.Balance -= 2 }, "the credit is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, tokens := whole()
			c.spoil(r, tokens)
			got := strings.Join(r.against(1_000_000, opening, tokens), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("the judge says %q, want %q", got, c.want)
			}
		})
	}
}

// The vendor's own chain against the tokens that OpenPAYGO publishes.
func TestTheVendorsTokensAreThosePublished(t *testing.T) {
	t.Parallel()
	for value, want := range map[int]string{1: "588224011", 2: "639704012", 995: "944829005"} {
		if got := newVendor().next(value).digits; got != want {
			t.Errorf("the first one of %d is %s, want %s", value, got, want)
		}
	}
}
