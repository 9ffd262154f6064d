package optimizer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
)

var update = flag.Bool("update", false, "make the golden files anew")

// goldenWork ends each of the golden searches in the middle of its work: after the
// linear programme, the dive, the local search, the nudging and the tighter bound.
const goldenWork = 6_000_000

// goldenProblems are of every kind: each of the rules of a Problem is in one of them.
func goldenProblems() []*Problem {
	var out []*Problem
	for seed := range uint64(10) {
		out = append(out, generate.Problem(seed, "home"))
	}
	for seed := range uint64(3) {
		out = append(out, generate.Problem(seed, "tiny"), generate.Problem(20+seed, "business"))
	}
	futures := generate.Problem(4, "home")
	futures.Name = "futures"
	r := rand.New(rand.NewPCG(5, 6))
	for range 8 {
		s := Scenario{Weight: 1 + r.Float64()}
		day := math.Exp(0.25 * r.NormFloat64())
		for _, x := range futures.BaseKW {
			s.BaseKW = append(s.BaseKW, x*day)
		}
		futures.Scenarios = append(futures.Scenarios, s)
	}
	futures.Credit = &Credit{Balance: 9, UntilSlot: futures.N, TopUps: []TopUp{{Slot: 40, Amount: 3}}}
	shared := generate.Problem(7, "home")
	shared.Name = "shared"
	shared.Exclusions = [][]string{{"load00", "load01"}}
	shared.Circuits = []Circuit{{Name: "garage", LimitKW: 3, Loads: []string{"load01", "load02", "load03"}}}
	wishes := generate.Problem(8, "home")
	wishes.Name = "wishes"
	for i := range wishes.Loads {
		wishes.Loads[i].Priority = i % 3
		wishes.Loads[i].Deadline = &Deadline{Slot: 40, LatePenalty: 0.02}
	}
	for i := range wishes.Loads {
		if l := &wishes.Loads[i]; l.Thermal == nil {
			l.PriceCap = 0.15
			break
		}
	}
	return append(out, futures, shared, wishes)
}

// Whoever moves the walls of this package must not move the plans: each is the same to
// the last bit, work and bound included, from nothing and after a slot with the plan
// and the memory of before.  A change that is meant to alter plans makes the file anew
// with -update, and says in its commit what the new plans cost.
func TestPlansAreTheSameToTheBitAsTheGoldenOnes(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("elsewhere products and sums may be rounded once, where they are twice here")
	}
	digest := func(plan *Plan) string {
		raw, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x %.6f %d %s", sha256.Sum256(raw), plan.Cost, plan.Work, plan.Stopped)
	}
	var got bytes.Buffer
	for _, p := range goldenProblems() {
		var memory Memory
		opt := Options{Seed: 3, WorkLimit: goldenWork, Memory: &memory}
		plan := Solve(context.Background(), p, opt)
		fmt.Fprintf(&got, "%s: %s\n", p.Name, digest(plan))
		next := p.Advance(plan)
		for t := range next.BaseKW {
			next.BaseKW[t] *= 1.02
		}
		memory.Shift(1)
		opt.Previous, opt.Margin = plan.Shift(1), 1e-4
		fmt.Fprintf(&got, "%s, a slot later: %s\n", p.Name, digest(Solve(context.Background(), next, opt)))
	}
	file := filepath.Join("testdata", "plans.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := bytes.Split(got.Bytes(), []byte("\n")), bytes.Split(want, []byte("\n"))
	if len(a) != len(b) {
		t.Fatalf("%d plans, the file has %d", len(a), len(b))
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("another plan\n got %s\nwant %s", a[i], b[i])
		}
	}
}
