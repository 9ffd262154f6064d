package tariffs_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// foreign is a random document and what a load comes to by it, as another program says: one
// written in another language from docs/tariffs.md alone, in fractions: testdata/foreign.py.
type foreign struct {
	Seed  int
	Doc   string
	Start time.Time
	Step  int // seconds of a reading
	Load  struct {
		Seed, Base, N      int
		Negative, Reactive bool
	}
	Total float64
	Parts map[string][2]float64 // by component: before taxes, and taxes
}

// load is the case's load, made in the same way by both.
func (f *foreign) load() []tariffs.Reading {
	x := uint64(f.Load.Seed)
	next := func() int64 {
		x = x*6364136223846793005 + 1442695040888963407
		return int64(x >> 33)
	}
	step := time.Duration(f.Step) * time.Second
	out := make([]tariffs.Reading, f.Load.N)
	for i := range out {
		a, b, c := next(), next(), next()
		e := int64(f.Load.Base) * (a % 1000) * (a % 1000) * int64(f.Step) / 3600 / 5000
		if b%100 == 0 {
			e *= 6
		}
		var q int64
		if f.Load.Reactive {
			q = e * (c % 90) / 100
		}
		if f.Load.Negative && b%5 == 1 {
			e = -e
		}
		from := f.Start.Add(time.Duration(i) * step)
		out[i] = tariffs.Reading{From: from, To: from.Add(step), Energy: units.Energy(e) * units.WattHour, Reactive: units.Energy(q) * units.WattHour}
	}
	return out
}

// TestAnotherProgramSaysTheSame: every component of 200 random documents of all kinds, and
// of more from a file of them named by KEEPLIT_FOREIGN.
func TestAnotherProgramSaysTheSame(t *testing.T) {
	most := 0.0
	n := eachForeign(t, cmp.Or(os.Getenv("KEEPLIT_FOREIGN"), "testdata/foreign.ndjson.gz"), func(c *foreign) { most = max(most, c.compare(t)) })
	t.Logf("%d documents, apart by %.6f at the most", n, most)
}

// eachForeign reads a file's cases, of which there are 200 at least.
func eachForeign[T any](t *testing.T, file string, do func(*T)) (n int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		do(&c)
	}
	if n < 200 {
		t.Errorf("there are only %d cases", n)
	}
	return n
}

// ready is a document made ready.
func ready(t *testing.T, text string) *tariffs.Tariff {
	t.Helper()
	doc, faults := config.Decode[tariffs.Document]([]byte(text))
	if len(faults) > 0 {
		t.Fatalf("%v\n%s", faults, text)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

// foreignPurchases are random purchases under a random document, with what another program
// says that each leaves as credit, and of the debt.
type foreignPurchases struct {
	Seed int
	Doc  string
	Debt float64
	Buys []struct {
		At                 time.Time
		Amount, Left, Debt float64
	}
}

// TestAnotherProgramSaysTheSameOfPurchases: charges on the first and on every purchase, whole,
// split, prorated and caught up, debt with its cap, and the rebate.
func TestAnotherProgramSaysTheSameOfPurchases(t *testing.T) {
	n := eachForeign(t, cmp.Or(os.Getenv("KEEPLIT_FOREIGN_PURCHASES"), "testdata/foreign_purchases.ndjson.gz"), func(c *foreignPurchases) {
		tariff := ready(t, c.Doc)
		acc := tariffs.Account{Debt: units.FromFloat(c.Debt)}
		for i, b := range c.Buys {
			var items []tariffs.Item
			amount := units.FromFloat(b.Amount)
			acc, items = tariff.Purchase(acc, b.At, amount)
			left := amount - tariffs.Sum(items)
			if math.Abs(left.Float()-b.Left) > 0.0005 || math.Abs(acc.Debt.Float()-b.Debt) > 0.0005 {
				t.Errorf("%d: purchase %d of %s leaves %s and %s of the debt, the other program says %.6f and %.6f", c.Seed, i+1, amount, left, acc.Debt, b.Left, b.Debt)
				return
			}
		}
	})
	t.Logf("%d sequences of purchases", n)
}

// compare is how far apart a component is at the most: each month's line, its steps and
// taxes are rounded to the millionth, and a demand to the milliwatt, which counts as often as
// it is priced.
func (f *foreign) compare(t *testing.T) (most float64) {
	t.Helper()
	tariff := ready(t, f.Doc)
	bill, _ := tariff.BillWhole(tariffs.Account{}, f.load())
	apart := func(what string, is units.Money, want float64) {
		d := math.Abs(is.Float() - want)
		if most = max(most, d); d > max(0.002, 2e-7*math.Abs(want)) {
			t.Errorf("%d: %s: %s, the other program says %.6f", f.Seed, what, is, want)
		}
	}
	for _, c := range bill.Components {
		want := f.Parts[c.Name]
		apart(c.Name, c.Amount, want[0])
		apart("taxes on "+c.Name, c.Tax, want[1])
		delete(f.Parts, c.Name)
	}
	for name, want := range f.Parts {
		apart(name, 0, want[0])
	}
	apart("total", bill.Total, f.Total)
	return most
}
