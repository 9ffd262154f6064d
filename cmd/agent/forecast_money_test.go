package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
)

// What is taken off a balance is what the tariff charges for the same use after the same
// history: the step that the month has reached, the charge of each day, and the tax.
func TestABalanceIsUsedUpAsTheTariffCharges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blocks.yaml")
	text := `currency: ZAR
zone: Africa/Johannesburg
current: yes
versions:
  - energy:
      - name: energy
        steps: [{to: 100 kWh, price: 1.75}, {price: 2.608696}]
    charges: [{name: service, amount: 0.5, due: day}]
    taxes: [{name: VAT, rate: 15 %}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tariff, err := readTariff(os.Stderr, file)
	if err != nil {
		t.Fatal(err)
	}
	// Half a kWh an hour since the month began, so that the first step ends on the third day foreseen.
	begin := time.Date(2023, 12, 31, 22, 0, 0, 0, time.UTC)
	h := &forecastHistory{step: time.Hour}
	for i := range 6 * 24 {
		h.load = append(h.load, reading{start: begin.Add(time.Duration(i) * time.Hour).Unix(), value: 0.5})
	}
	var slots []forecast.Slot
	var when []units.Slot
	for i := range 7 * 24 {
		s := units.Slot{Start: h.end().Add(time.Duration(i) * time.Hour), Len: time.Hour}
		slots, when = append(slots, forecast.Slot{Slot: s, Mean: 0.6}), append(when, s)
	}
	var said bytes.Buffer
	got, err := moneyFlags{Tariff: file, Balances: "20, 50"}.money(&said, h, slots)
	if err != nil || said.Len() > 0 {
		t.Fatal(err, said.String())
	}
	if len(got.credits) != 2 || got.credits[0].Balance != 20 || got.credits[1].Balance != 50 || got.currency != "ZAR" {
		t.Fatalf("%+v", got)
	}
	account := accountOf(tariff, h, begin, h.end())
	if month := account.MonthToDate().KWh(); month != 72 {
		t.Fatalf("%v kWh of the month have been used", month)
	}
	used, sum := make([]units.Energy, len(when)), 0.0
	for i := range used {
		kwh := 0.3 + 0.1*float64(i%7)
		used[i] = units.FromKWh(kwh)
		sum += got.credits[1].Cost(i, 0, kwh)
	}
	if want := tariff.Cost(account, when, used).Float(); math.Abs(sum-want) > 1e-3 || want < 200 {
		t.Errorf("a week takes %.4f off the balance, the tariff charges %.4f", sum, want)
	}
	for _, wrong := range []moneyFlags{{Balances: "5"}, {Tariff: file}, {Tariff: file, Balances: "five"}, {Tariff: "none.yaml", Balances: "5"}} {
		if _, err := wrong.money(&said, h, slots); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
