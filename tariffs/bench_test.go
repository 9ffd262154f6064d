package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// year is a year of five-minute readings of a household that also exports.
func year() []Reading {
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	load := make([]Reading, 366*288)
	for i := range load {
		at := start.Add(time.Duration(i) * 5 * time.Minute)
		w := units.Power(200+(i*7919)%2500) * units.Watt
		if i%288 > 130 && i%288 < 160 {
			w = -w
		}
		load[i] = Reading{From: at, To: at.Add(5 * time.Minute), Energy: w.Over(5 * time.Minute), Reactive: (w / 4).Over(5 * time.Minute)}
	}
	return load
}

// BenchmarkYear is a bill of a year of five-minute readings by the richest
// tariff.
func BenchmarkYear(b *testing.B) {
	tar, load := mustNew(b, rich()), year()
	b.ReportAllocs()
	for b.Loop() {
		bill, _ := tar.Bill(Account{}, load)
		if bill.Total == 0 {
			b.Fatal("nothing charged")
		}
	}
}

// BenchmarkConsume is one five-minute reading after another into the ledger's
// account.
func BenchmarkConsume(b *testing.B) {
	tar, load := mustNew(b, rich()), year()
	b.ReportAllocs()
	var acc Account
	i := 0
	for b.Loop() {
		acc, _ = tar.ConsumeReading(acc, load[i%len(load)])
		i++
	}
}

// BenchmarkTable is a table of two days of quarter hours by the richest tariff.
func BenchmarkTable(b *testing.B) {
	tar := mustNew(b, rich())
	start := time.Date(2024, 5, 31, 0, 0, 0, 0, time.UTC)
	slots := units.Slots(start, 15*time.Minute, 192)
	expected := make([]units.Energy, len(slots))
	acc, _ := tar.Consume(Account{}, start.Add(-72*time.Hour), start, 80*kWh)
	var tab Table
	tar.FillTable(&tab, acc, slots, expected)
	b.ReportAllocs()
	for b.Loop() {
		tar.FillTable(&tab, acc, slots, expected)
	}
}

// TestTableIsReusedWithoutAllocation holds the optimizer's table to none after
// the first, over a month's edge and with every kind of component.
func TestTableIsReusedWithoutAllocation(t *testing.T) {
	tar := mustNew(t, rich())
	start := time.Date(2024, 5, 31, 0, 0, 0, 0, time.UTC)
	slots := units.Slots(start, 15*time.Minute, 192)
	acc, _ := tar.Consume(Account{}, start.Add(-72*time.Hour), start, 80*kWh)
	var tab Table
	tar.FillTable(&tab, acc, slots, nil)
	if len(tab.Ladders) < 3 || len(tab.Demands) != 4 {
		t.Fatalf("%d ladders, %d demands", len(tab.Ladders), len(tab.Demands))
	}
	if n := testing.AllocsPerRun(20, func() { tar.FillTable(&tab, acc, slots, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
