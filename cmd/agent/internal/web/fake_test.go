package web

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// fakeAgent is a house that changes when it is told to.
type fakeAgent struct {
	mu      sync.Mutex
	v       picture.View
	waiting map[chan struct{}]bool
	used    map[string]LedgerRow
	wrong   int
	rows    []LedgerRow
	calls   []string
	fail    error // of the next command or top-up
	full    bool  // the store takes nothing
	ledger  error
}

const (
	goodToken    = "10823475910293847561"
	newToken     = "77778888999900001111"
	debtToken    = "55554444333322221111"
	staleToken   = "00001111222233334444"
	uselessToken = "99990000999900009999" // of another maker
	fullToken    = "88880000888800008888" // with it there would be more credit than may be
	wrongToken   = "12345678901234567890"
)

var fakeNow = time.Date(2026, 11, 22, 14, 7, 30, 0, time.UTC) // a Sunday, 16:07 in Johannesburg

func newFake() *fakeAgent {
	zone, err := time.LoadLocation("Africa/Johannesburg")
	if err != nil {
		panic(err)
	}
	f := &fakeAgent{waiting: map[chan struct{}]bool{}, used: map[string]LedgerRow{}}
	money := units.FromFloat
	f.v = picture.View{
		Seq: 1, At: fakeNow, Zone: zone, Unit: present.Unit{Code: "ZAR", Symbol: "R", Decimals: 2}, Site: "14 Acacia Road",
		Supply: present.Supply{State: present.Connected, Since: fakeNow.Add(-70 * time.Hour)},
		Credit: picture.Credit{
			Balance: money(183.4271), Energy: units.FromKWh(68.2), EnergyKnown: true,
			SpentToday: money(31.85), EnergyToday: units.FromKWh(12.31), SpentPerDay: money(47.2), PerKWh: 78 * time.Minute,
			Emergency: picture.Emergency{State: picture.EmergencyIdle, Amount: money(20), Threshold: money(15)},
		},
		RunOut: picture.RunOut{Known: true, At: fakeNow.Add(99*time.Hour + 33*time.Minute), Early: fakeNow.Add(79 * time.Hour), Late: fakeNow.Add(126 * time.Hour), Reach: fakeNow.Truncate(24 * time.Hour).Add(13*24*time.Hour + 22*time.Hour)},
		Power:  picture.PowerNow{Power: units.FromW(1342), At: fakeNow.Add(-3 * time.Second), Freshness: picture.Fresh, Limit: units.FromKW(9.2), CostPerHour: money(3.23)},
		Meter: picture.Registers{
			Known: true, Device: "SDM-8123456", Import: units.FromKWh(8123.456), Export: units.FromKWh(12.5),
			Periods: []picture.PeriodRegister{{Period: "Off-peak", Import: units.FromKWh(4000), Export: units.FromKWh(2.5)}, {Period: "Peak", Import: units.FromKWh(1123.456), Export: 0}, {Period: "Standard", Import: units.FromKWh(3000), Export: units.FromKWh(10)}},
			Window:  30 * time.Minute, Block: picture.Demand{Power: units.FromKW(5.21), End: fakeNow.Add(-50 * time.Hour)}, Sliding: picture.Demand{Power: units.FromKW(5.64), End: fakeNow.Add(-50*time.Hour - 11*time.Minute)},
		},
		Tariff: picture.Tariff{
			Name: "City Prepaid Time of Use 2026", Known: true, Price: units.Price(2_405_000), Period: "Standard",
			NextAt: fakeNow.Add(52*time.Minute + 30*time.Second), NextPrice: units.Price(3_871_000), NextPeriod: "Peak",
			Block:       &picture.Block{Number: 1, Used: units.FromKWh(212), UpTo: units.FromKWh(350), NextPrice: units.Price(2_760_000), ResetAt: fakeNow.Add(9 * 24 * time.Hour)},
			FixedPerDay: money(3.2),
		},
		TopUp: picture.TopUpGate{Digits: []int{20}, TriesLeft: 5},
		System: picture.System{
			Version: "0.1.0-test", Started: fakeNow.Add(-9 * 24 * time.Hour), LedgerSeq: 3120, DiskFree: 11 << 30,
			Meter:     picture.Link{Name: "SDM120 on /dev/ttyUSB0", Freshness: picture.Fresh, LastAt: fakeNow.Add(-3 * time.Second)},
			Broker:    picture.Link{Name: "mqtt://192.168.1.20", Freshness: picture.Fresh, LastAt: fakeNow.Add(-12 * time.Second)},
			Telemetry: picture.Link{Name: "http://192.168.1.20:8086", Freshness: picture.Stale, LastAt: fakeNow.Add(-22 * time.Minute), Detail: "connection refused; tried again every minute"},
			Outbox:    picture.Outbox{Rows: 1322, Oldest: fakeNow.Add(-22 * time.Minute)},
			Parts:     []picture.Link{{Name: "Relay board, GPIO 17", Freshness: picture.Fresh, LastAt: fakeNow.Add(-4 * time.Second)}},
		},
		Warnings: []picture.Warning{{
			Code: "influx-unreachable", Severity: picture.Info, Since: fakeNow.Add(-22 * time.Minute), Title: "InfluxDB does not answer",
			Cause: "192.168.1.20 refuses the connection. Readings are kept here meanwhile; nothing is lost.", Remedy: "Start the server, or look whether its address changed.",
		}},
	}
	f.loads(zone)
	for i := range 70 {
		kind, name, amount, energy, cause := "consumption", "energy", money(-1.37-float64(i%7)*0.41), units.FromKWh(0.52+float64(i%5)*0.11), "Standard, block 1"
		switch i % 24 {
		case 5:
			kind, name, amount, energy, cause = "topup", "", money(200), 0, "Token ending 7561, by the page"
		case 12:
			kind, name, amount, energy, cause = "standing", "service", money(-3.2), 0, "Fixed charge of the day"
		}
		f.rows = append(f.rows, LedgerRow{
			Seq: uint64(3120 - i), At: fakeNow.Add(-time.Duration(i)*30*time.Minute - 7*time.Minute), Kind: kind, Name: name, Amount: amount, Tax: min(0, amount).Part(3, 23),
			Balance: money(183.4271 + float64(i)*1.9), Energy: energy, Cause: cause,
		})
	}
	return f
}

// bump is a hill of height 1 at the hour "at".
func bump(h, at, width float64) float64 {
	x := (h - at) / width
	return math.Exp(-x * x)
}

// loads fills the plan and the loads.
func (f *fakeAgent) loads(zone *time.Location) {
	v := &f.v
	p := picture.Plan{MadeAt: units.SlotAt(v.At, 15*time.Minute).Start, SolveTime: 41 * time.Millisecond, Cost: units.FromFloat(52.10), CostUnshifted: units.FromFloat(60.72)}
	n := 26 * 4
	geyser, pool, washer := make([]units.Power, n), make([]units.Power, n), make([]units.Power, n)
	for i, s := range units.Slots(v.At, 15*time.Minute, n) {
		h := float64(s.Start.In(zone).Hour()) + float64(s.Start.In(zone).Minute())/60
		price := units.Price(2_405_000)
		switch {
		case h >= 17 && h < 20 || h >= 6 && h < 8:
			price = 3_871_000
		case h >= 22 || h < 6:
			price = 1_502_000
		}
		mid := 0.35 + 0.9*bump(h, 7.2, 1.3) + 1.7*bump(h, 19, 2.1) + 0.08*math.Sin(float64(i)*1.7)
		p.Slots = append(p.Slots, picture.PlanSlot{Slot: s, Price: price, Low: units.FromKW(mid * 0.62), Mid: units.FromKW(mid), High: units.FromKW(mid*1.5 + 0.2)})
		switch {
		case h >= 3.5 && h < 6:
			geyser[i] = units.FromKW(2)
		}
		if h >= 22 && h < 24 || h >= 8 && h < 12 {
			pool[i] = units.FromKW(0.75)
		}
		if h >= 22.25 && h < 24 {
			washer[i] = units.FromKW(0.9)
		}
	}
	p.Loads = []picture.PlanLoad{{ID: "geyser", Name: "Geyser", Power: geyser}, {ID: "pool", Name: "Pool pump", Power: pool}, {ID: "washer", Name: "Washing machine", Power: washer}}
	v.Plan = p
	local := func(day, h, m int) time.Time { return time.Date(2026, 11, day, h, m, 0, 0, zone).UTC() }
	v.Loads = []picture.Load{
		{
			ID: "geyser", Name: "Geyser", State: present.LoadWaiting, Why: "Waits for the cheap hours: heating now would cost R 4.21 more.",
			NextStart: local(23, 3, 30), NextEnd: local(23, 6, 0), Delivered: units.FromKWh(1.2), Wanted: units.FromKWh(6), Deadline: local(23, 6, 30),
			Cost: units.FromFloat(7.51), CanRun: true, CanSkip: true,
		},
		{
			ID: "pool", Name: "Pool pump", State: present.LoadRunning, Power: units.FromW(742), Why: "Runs now because the sun covers part of it and it needs 2 h more today.",
			NextEnd: local(22, 16, 45), Delivered: units.FromKWh(2.6), Wanted: units.FromKWh(3.1), Cost: units.FromFloat(1.34), CanSkip: true,
		},
		{
			ID: "washer", Name: "Washing machine", State: present.LoadWaiting, Why: "Starts when the night price begins; it will be done before 07:00.",
			NextStart: local(22, 22, 15), NextEnd: local(23, 0, 0), Deadline: local(23, 7, 0), Cost: units.FromFloat(2.37), CanRun: true, CanSkip: true,
		},
		{ID: "charger", Name: "Garage charger", State: present.LoadDone, Why: "Has all it asked for.", Delivered: units.FromKWh(4), Wanted: units.FromKWh(4), CanRun: true},
	}
}

// change makes a new View and tells everybody.
func (f *fakeAgent) change(do func(v *picture.View)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changeLocked(do)
}

func (f *fakeAgent) changeLocked(do func(v *picture.View)) {
	v := f.v
	v.Loads, v.Warnings = slices.Clone(v.Loads), slices.Clone(v.Warnings)
	do(&v)
	v.Seq++
	f.v = v
	for c := range f.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// In speaks the same words, whatever the language.
func (f *fakeAgent) In(string) Agent { return f }

func (f *fakeAgent) View() picture.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.v
}

func (f *fakeAgent) Changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	f.waiting[c] = true
	f.mu.Unlock()
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, c)
		close(c)
	})
	return c
}

func (f *fakeAgent) note(format string, args ...any) error {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	err := f.fail
	f.fail = nil
	return err
}

func (f *fakeAgent) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fakeAgent) TopUp(_ context.Context, token, source string) (TopUpResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := strings.Split(token, "\n")
	for i, l := range lines {
		lines[i] = onlyDigits(l)
	}
	if err := f.note("topup %s %s", strings.Join(lines, ","), source); err != nil {
		return TopUpResult{}, err
	}
	if len(lines) == 1 {
		return f.topUpLocked(lines[0])
	}
	// Several, one a line, as the agent does it: the list ends at a wrong one.
	all := TopUpResult{Outcome: Accepted}
	for i, l := range lines {
		one := TopUpResult{Outcome: Waiting}
		if all.Outcome == Accepted {
			one, _ = f.topUpLocked(l)
			all.Amount += one.Amount
			if !one.entered() {
				all.Outcome = one.Outcome
			}
		}
		one.N, one.Digits = i+1, l
		all.Each = append(all.Each, one)
	}
	all.Balance = f.v.Credit.Balance
	return all, nil
}

// onlyDigits drops what stands between the digits of a token.
func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func (f *fakeAgent) topUpLocked(token string) (TopUpResult, error) {
	if f.v.TopUp.LockedUntil.After(f.v.At) {
		return TopUpResult{Outcome: Locked, Until: f.v.TopUp.LockedUntil}, nil
	}
	if len(token) != 20 {
		return TopUpResult{Outcome: Malformed}, nil
	}
	if f.full {
		return TopUpResult{Outcome: NotRecorded, Reason: "The storage is full."}, nil
	}
	if row, ok := f.used[token]; ok {
		return TopUpResult{Outcome: AlreadyUsed, At: row.At, Amount: row.Amount}, nil
	}
	amount := units.FromFloat(150)
	switch token {
	case goodToken, newToken, debtToken:
	case staleToken:
		return TopUpResult{Outcome: TooOld}, nil
	case uselessToken:
		return TopUpResult{Outcome: Refused, Reason: "it is of another maker"}, nil
	case fullToken:
		return TopUpResult{Outcome: Refused, Later: true, Reason: "the balance would be higher than allowed"}, nil
	default:
		f.wrong++
		f.changeLocked(func(v *picture.View) {
			v.TopUp.TriesLeft = 5 - f.wrong
			if v.TopUp.TriesLeft == 0 {
				v.TopUp.LockedUntil = v.At.Add(10 * time.Minute)
			}
		})
		return TopUpResult{Outcome: Wrong, TriesLeft: f.v.TopUp.TriesLeft, Until: f.v.TopUp.LockedUntil}, nil
	}
	res := TopUpResult{Outcome: Accepted, Amount: amount}
	left := amount
	if owed := f.v.Credit.Emergency.Owed; owed > 0 {
		left -= owed
		res.Paid = append(res.Paid, Part{"Emergency credit paid back", owed})
	}
	res.Restored = f.v.Supply.State == present.Disconnected
	f.changeLocked(func(v *picture.View) {
		v.Credit.Balance += left
		v.Credit.Energy += units.FromKWh(55)
		v.Credit.Emergency.Owed, v.Credit.Emergency.State = 0, picture.EmergencyIdle
		v.Supply = present.Supply{State: present.Connected, Since: v.At}
		v.RunOut = picture.RunOut{Known: true, At: v.At.Add(170 * time.Hour), Early: v.At.Add(140 * time.Hour), Late: v.At.Add(200 * time.Hour)}
		v.TopUp.TriesLeft = 5
		f.wrong = 0
		res.Balance = v.Credit.Balance
	})
	f.used[token] = LedgerRow{At: f.v.At, Amount: amount}
	return res, nil
}

func (f *fakeAgent) load(action, id string, do func(l *picture.Load)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("%s %s", action, id); err != nil {
		return err
	}
	i := slices.IndexFunc(f.v.Loads, func(l picture.Load) bool { return l.ID == id })
	if i < 0 {
		return ErrUnknown
	}
	f.changeLocked(func(v *picture.View) { do(&v.Loads[i]) })
	return nil
}

func (f *fakeAgent) LoadRun(_ context.Context, id string) error {
	return f.load("run", id, func(l *picture.Load) {
		l.Override, l.State, l.Power, l.Why = picture.OverrideRun, present.LoadRunning, units.FromKW(2), "Runs because you asked for it."
		l.OverrideUntil, l.NextEnd = fakeNow.Add(2*time.Hour), fakeNow.Add(2*time.Hour)
	})
}

func (f *fakeAgent) LoadSkip(_ context.Context, id string) error {
	return f.load("skip", id, func(l *picture.Load) {
		l.Override, l.State, l.Power, l.Why = picture.OverrideSkip, present.LoadSkipped, 0, "Left out because you asked for it."
	})
}

func (f *fakeAgent) LoadAuto(_ context.Context, id string) error {
	return f.load("auto", id, func(l *picture.Load) {
		l.Override, l.State, l.Power, l.OverrideUntil, l.Why = picture.NoOverride, present.LoadWaiting, 0, time.Time{}, "Waits for the cheap hours."
	})
}

func (f *fakeAgent) OptOut(_ context.Context, of, way string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("opted out of %s by %s", of, way); err != nil {
		return err
	}
	f.changeLocked(func(v *picture.View) { v.Opted = picture.Opted{Of: of, By: way, Since: fakeNow} })
	return nil
}

// Expect takes what begins with away, and takes it back.
func (f *fakeAgent) Expect(_ context.Context, text, way string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("expect %s by %s", text, way); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(text, "withdraw "):
		f.changeLocked(func(v *picture.View) { v.Expected = nil })
	case strings.HasPrefix(text, "away "):
		f.changeLocked(func(v *picture.View) {
			v.Expected = []present.Expected{{N: 1, What: "away", From: v.At, To: v.At.Add(240 * time.Hour), By: way, Since: v.At, Says: "nobody is there from Tue 1 Dec 00:00 until Fri 11 Dec 00:00"}}
		})
	case strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{"):
		f.changeLocked(func(v *picture.View) {
			out := present.Expected{N: 2, What: "outage", From: v.At.Add(3 * time.Hour), To: v.At.Add(5 * time.Hour), By: way, Since: v.At, Kept: way == "configuration", Says: "there is no mains from 18:00 until 20:30, as announced"}
			late := out
			late.N, late.From, late.To, late.Says = 3, out.From.Add(48*time.Hour), out.To.Add(48*time.Hour), "there is no mains on Saturday"
			v.Expected = []present.Expected{out, late}
		})
	default:
		return &Refusal{Reason: "it is not understood"}
	}
	return nil
}

// LastUntil takes what civil.Moment reads.
func (f *fakeAgent) LastUntil(_ context.Context, text, way string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("until %s by %s", text, way); err != nil {
		return err
	}
	if text == "off" {
		f.changeLocked(func(v *picture.View) { v.Until = present.Until{} })
		return nil
	}
	at, err := civil.Moment(text, f.v.At, f.v.Zone)
	if err != nil {
		return &Refusal{Reason: err.Error()}
	}
	f.changeLocked(func(v *picture.View) {
		v.Until = present.Until{
			At: at, By: way, Since: v.At, Known: true, Lasts: true, Sure: 93, BuyMay: true, Keep: units.FromFloat(42), KeepMay: true,
			Given: []present.GivenUp{{ID: "pool", Name: "Pool pump", At: v.At.Add(20 * time.Hour), Time: 3 * time.Hour, Energy: units.FromKWh(3.3)}},
		}
	})
	return nil
}

func (f *fakeAgent) AcceptEmergency(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("emergency"); err != nil {
		return err
	}
	f.changeLocked(func(v *picture.View) {
		e := &v.Credit.Emergency
		e.State, e.Left, e.Owed = picture.EmergencyInUse, e.Amount, e.Amount
		v.Supply = present.Supply{State: present.Connected, Since: v.At}
	})
	return nil
}

func (f *fakeAgent) Reconnect(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("reconnect"); err != nil {
		return err
	}
	f.changeLocked(func(v *picture.View) { v.Supply = present.Supply{State: present.Connected, Since: v.At} })
	return nil
}

// TopUpFor reckons with 50 a day, 40 where half of the futures will do.
func (f *fakeAgent) TopUpFor(day time.Time) (TopUpNeed, error) {
	v := f.View()
	until := units.NextLocalMidnight(day, v.Zone)
	if !until.After(v.At) || until.After(v.RunOut.Reach) {
		return TopUpNeed{}, ErrUnknown
	}
	days := units.Money(until.Sub(v.At) / (24 * time.Hour))
	n := TopUpNeed{Until: until, SafeMay: true, EvenMay: true}
	n.Safe, n.Even = max(0, 50*units.One*days-v.Credit.Balance), max(0, 40*units.One*days-v.Credit.Balance)
	if n.Safe > 300*units.One {
		n.SafeMay = false
	}
	return n, nil
}

func (f *fakeAgent) TariffDetail() picture.TariffDetail {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := picture.TariffDetail{
		Name: f.v.Tariff.Name, Notes: "Prices for households with a prepaid meter.",
		Doubts: []string{`the prices of "2026/27" are not known to be in force`},
		Sources: []picture.Source{
			{Title: "Tariffs and charges 2026/27", URL: "https://example.org/tariffs.pdf", Dated: "2026-07-01", Read: "2026-11-20", For: "prices and blocks"},
			{Title: "A notice on paper", For: "the fixed charge"},
		},
		Sent:    []picture.SentTariff{{ID: "2027-28", By: "utility.example", From: fakeNow.Add(200 * 24 * time.Hour)}},
		Charges: []string{"energy: energy: 2.405 per kWh", "fixed: service: 2.3 a day", "tax: VAT: 15 % on everything but export", "tax: the prices above hold the taxes"},
		Advice:  &picture.Advice{Reset: fakeNow.Add(9 * 24 * time.Hour).Truncate(24 * time.Hour).Add(22 * time.Hour), Price: 2_760_000, After: 2_405_000},
	}
	for _, season := range []string{"high", "low"} {
		w := picture.TariffWeek{Season: season, Version: "2026/27"}
		for day := range w.Days {
			for h := range w.Days[day] {
				m := picture.TariffMoment{Period: "Standard", Price: 2_405_000}
				switch {
				case h < 12 || h >= 44:
					m = picture.TariffMoment{Period: "Off-peak", Price: 1_502_000}
				case day < 5 && (h < 16 || h >= 34 && h < 40):
					m = picture.TariffMoment{Period: "Peak", Price: 3_871_000}
				}
				if season == "low" {
					m.Price -= 300_000
				}
				w.Days[day][h] = m
			}
		}
		d.Weeks = append(d.Weeks, w)
	}
	return d
}

func (f *fakeAgent) WhatBuys(amount units.Money) picture.Advice {
	a := picture.Advice{Reset: fakeNow.Add(9 * 24 * time.Hour), Price: 2_760_000, After: 2_405_000, Amount: amount}
	a.Buys, a.BuysThen = a.Price.Buys(amount), a.After.Buys(amount)
	if amount > 500*units.One { // the fixed charges of the new month
		a.BuysThen = a.Buys - units.KilowattHour*20
	}
	if f.v.Unit.Energy {
		return a
	}
	a.BuysThen, a.Foreseen = 0, amount != 277*units.One
	return a
}

func (f *fakeAgent) Acknowledge(_ context.Context, code string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("seen %s", code); err != nil {
		return err
	}
	i := slices.IndexFunc(f.v.Warnings, func(w picture.Warning) bool { return w.Code == code })
	if i < 0 {
		return ErrUnknown
	}
	f.changeLocked(func(v *picture.View) { v.Warnings[i].Seen = true })
	return nil
}
