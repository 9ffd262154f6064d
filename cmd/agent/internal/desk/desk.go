// Package desk answers the page: it shows it the loop and its records, and
// carries what a person wants into the loop.
package desk

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Records is what the page reads from the store.
type Records interface {
	LedgerPage(ctx context.Context, before uint64, n int) ([]credit.Entry, error)
	Ledger(ctx context.Context, from uint64) iter.Seq2[credit.Entry, error]
	LedgerBetween(ctx context.Context, from, to time.Time) iter.Seq2[credit.Entry, error]
	LedgerAhead(ctx context.Context, at time.Time) (credit.Entry, error)
	LedgerFind(ctx context.Context, f store.Find, n int) ([]credit.Entry, error)
	Intervals(ctx context.Context, series string, from, to time.Time) iter.Seq2[store.Interval, error]
	LastEvents(ctx context.Context, before int64, n int) ([]store.Event, error)
	journal.LimitLog
}

// Desk is one loop's; it is a web.Agent.
type Desk struct {
	site    *control.Site
	loop    *control.Loop
	records Records
	maker   *picture.Maker
	about   About
	words   present.Words
	plain   present.Plain
	keypad  *atomic.Pointer[displayed]
	ends    *picture.Ends
	months  *months
}

// About is what the page tells of the program besides the picture.
type About struct {
	Version string
	Started time.Time
	System  func() picture.System // links and outbox
	Demo    func() *picture.Demo  // nil outside the demo
	Totals  func() *picture.Totals
}

// New shows loop to the page, in maker's pictures.
func New(site *control.Site, loop *control.Loop, records Records, maker *picture.Maker, about About) *Desk {
	return &Desk{
		keypad: &atomic.Pointer[displayed]{}, ends: &picture.Ends{}, months: &months{},
		site: site, loop: loop, records: records, maker: maker, about: about, words: maker.Words(), plain: maker.Words().Plain(site).Written(maker.Unit()),
	}
}

// In is the same desk in another language.
func (d *Desk) In(lang string) web.Agent {
	o := *d
	o.maker = d.maker.In(lang)
	o.words = o.maker.Words()
	o.plain = o.words.Plain(d.site).Written(d.maker.Unit())
	return &o
}

// View is the latest picture, with what the loop does not know.
func (d *Desk) View() picture.View {
	snap := d.loop.Snapshot()
	v := d.maker.Of(&snap)
	v.RunOut.Moved = d.ends.Watch(d.site, &snap.State, v.RunOut)
	meter, seq := v.System.Meter, v.System.LedgerSeq
	if d.about.System != nil {
		v.System = d.about.System()
	}
	v.System.Meter, v.System.LedgerSeq = meter, seq
	v.System.Version, v.System.Started = d.about.Version, d.about.Started
	if k := d.keypad.Load(); k != nil && time.Since(k.at) < echoFor {
		v.TopUp.Keypad = k.text
	}
	if d.about.Demo != nil {
		v.Demo = d.about.Demo()
	}
	if d.about.Totals != nil {
		v.Totals = d.about.Totals()
	}
	return v
}

// TariffDetail is the whole tariff for people: asked for when somebody looks.
func (d *Desk) TariffDetail() picture.TariffDetail {
	snap := d.loop.Snapshot()
	return d.maker.TariffDetail(&snap.State)
}

// WhatBuys is what an amount buys, and where credit is energy what it buys when the next
// billing month begins.
func (d *Desk) WhatBuys(amount units.Money) picture.Advice {
	snap := d.loop.Snapshot()
	return d.maker.WhatBuys(&snap.State, amount)
}

// displayed is what the keypad's display shows, and since when.
type displayed struct {
	text string
	at   time.Time
}

// echoFor is how long the page repeats what the keypad shows.
const echoFor = 30 * time.Second

// Keypad takes in what the display of the keypad at the meter shows, for the
// page; the site need not have a display.
func (d *Desk) Keypad(first, second string) {
	d.keypad.Store(&displayed{strings.TrimSpace(first + " " + second), time.Now()})
}

// Changes signals that a newer View is there.
func (d *Desk) Changes(ctx context.Context) <-chan struct{} { return d.loop.Changes(ctx) }

// TopUpFor is the least top-up that lasts to the end of a day, in the smallest
// coin, or in tenths of a kWh.
func (d *Desk) TopUpFor(day time.Time) (web.TopUpNeed, error) {
	st := d.loop.Snapshot().State
	n, err := d.site.TopUpFor(&st, day, d.site.Coin())
	if errors.Is(err, control.ErrNotForecast) {
		return web.TopUpNeed{}, web.ErrUnknown
	}
	return web.TopUpNeed{Until: n.Until, Safe: n.Safe, Even: n.Even, SafeMay: n.SafeMay, EvenMay: n.EvenMay}, err
}

// LoadRun runs a load now.
func (d *Desk) LoadRun(ctx context.Context, id string) error {
	return d.request(ctx, control.Request{Kind: control.RunLoad, Load: id, By: web.WayOf(ctx)})
}

// LoadSkip leaves out a load's present or next run.
func (d *Desk) LoadSkip(ctx context.Context, id string) error {
	return d.request(ctx, control.Request{Kind: control.SkipLoad, Load: id, By: web.WayOf(ctx)})
}

// LoadAuto takes back LoadRun or LoadSkip.
func (d *Desk) LoadAuto(ctx context.Context, id string) error {
	return d.request(ctx, control.Request{Kind: control.AutoLoad, Load: id, By: web.WayOf(ctx)})
}

// AcceptEmergency takes the emergency credit on offer.
func (d *Desk) AcceptEmergency(ctx context.Context) error {
	return d.request(ctx, control.Request{Kind: control.AcceptEmergency, By: web.WayOf(ctx)})
}

// Reconnect closes an armed supply.
func (d *Desk) Reconnect(ctx context.Context) error {
	return d.request(ctx, control.Request{Kind: control.Reconnect, By: web.WayOf(ctx)})
}

// Expect tells of the use in a time to come, in a person's words.
func (d *Desk) Expect(ctx context.Context, text, way string) error {
	return d.ask(ctx, control.Expect{Text: strings.TrimSpace(text), By: way})
}

// LastUntil asks that the credit lasts until an instant, in a person's words.
func (d *Desk) LastUntil(ctx context.Context, text, way string) error {
	return d.ask(ctx, control.LastUntil{Text: strings.TrimSpace(text), By: way})
}

// OptOut opts the household out.
func (d *Desk) OptOut(ctx context.Context, of, way string) error {
	return d.ask(ctx, control.OptOut{Of: policy.OptOut(of), By: way})
}

// WithdrawReading takes a reading of the utility's meter back.
func (d *Desk) WithdrawReading(ctx context.Context, n int, way string) error {
	return d.ask(ctx, control.WithdrawReading{N: n, By: way})
}

// Acknowledge marks a warning as seen.
func (d *Desk) Acknowledge(ctx context.Context, code string) error {
	known := false
	for _, w := range d.loop.Snapshot().State.Health.Active {
		known = known || string(w.Code) == code
	}
	if !known {
		return web.ErrUnknown
	}
	return d.request(ctx, control.Request{Kind: control.Acknowledge, Code: health.Code(code), By: web.WayOf(ctx)})
}

func (d *Desk) request(ctx context.Context, r control.Request) error { return d.ask(ctx, r) }

// ask has the loop do something, and says why where it will not.
func (d *Desk) ask(ctx context.Context, what control.Happening) error {
	reply, err := d.loop.Feed(ctx, control.Input{What: what})
	var lacks *credit.NotOfferedError
	var not *control.NotTakenError
	switch {
	case errors.Is(err, control.ErrNotRecorded):
		return &web.Refusal{Reason: d.words.T("refused.not_recorded"), Remedy: d.words.T("refused.not_recorded.do")}
	case errors.Is(err, control.ErrNotKnown):
		return &web.Refusal{Reason: d.words.T("refused.not_known"), Remedy: d.words.T("refused.not_known.do")}
	case err != nil:
		return err
	case errors.Is(reply.Err, control.ErrUnknownLoad):
		return web.ErrUnknown
	case errors.Is(reply.Err, control.ErrHeld):
		return &web.Refusal{Reason: d.words.T("refused.held"), Remedy: d.words.T("refused.held.do")}
	case errors.Is(reply.Err, control.ErrNotReady):
		return &web.Refusal{Reason: d.words.T("refused.not_ready")}
	case errors.As(reply.Err, &not):
		return &web.Refusal{Reason: present.Format{}.Sentence(d.plain.Say(not.Says))}
	case errors.As(reply.Err, &lacks):
		return &web.Refusal{Reason: present.Format{}.Sentence(d.plain.Say(lacks.Says))}
	}
	return reply.Err
}

// Log is what happened.
func (d *Desk) Log(ctx context.Context, before int64, n int) ([]picture.LogRow, error) {
	events, err := d.records.LastEvents(ctx, before, n)
	if err != nil {
		return nil, err
	}
	rows := make([]picture.LogRow, 0, len(events))
	for _, e := range events {
		row := picture.LogRow{ID: e.ID, At: e.At, Code: e.Code, Text: journal.Happened(d.plain, e), Severity: picture.Caution}
		switch e.Severity {
		case health.Info.String():
			row.Severity = picture.Info
		case health.Critical.String():
			row.Severity = picture.Critical
		}
		code, over := strings.CutSuffix(e.Code, "_cleared")
		if health.Known(health.Code(code)) {
			row.Title, row.Over = d.words.Title(code), over
		}
		switch e.Code {
		case "supply_connected", "supply_disconnected", "supply_ready": // their texts begin with "on", "off"
			row.Title = d.words.T("supply.title")
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Limits are the limits that held.
func (d *Desk) Limits(ctx context.Context, from, to time.Time) ([]api.LimitRow, error) {
	st := d.loop.Snapshot().State
	all, err := journal.Limits(ctx, d.records, &st, from, to)
	return api.LimitRowsOf(all), err
}

// History is the measured use of the site in [from, to).
func (d *Desk) History(ctx context.Context, from, to time.Time) ([]web.HistoryPoint, error) {
	costs, err := d.costs(ctx, from)
	if err != nil {
		return nil, err
	}
	var out []web.HistoryPoint
	for iv, err := range d.records.Intervals(ctx, planning.SiteSeries, from, to) {
		if err != nil {
			return nil, err
		}
		out = append(out, web.HistoryPoint{
			Slot: iv.Slot, Energy: iv.Import, Cost: -costs[iv.Slot.Start.UTC().Format(time.RFC3339)], Gap: iv.Quality&^(metering.Censored|metering.Unusual) != 0, Held: iv.Quality&metering.Censored != 0,
		})
	}
	return out, nil
}

// The ledger is read back in pages, and not for ever: the page asks for a month,
// which is some thousands of entries.
const (
	costPage  = 500
	costPages = 60
)

// costs is what the intervals from an instant on were charged, by the ledger:
// their entries name the interval's start.  Where credit is energy, they say
// nothing that the readings do not.
func (d *Desk) costs(ctx context.Context, from time.Time) (map[string]units.Money, error) {
	out := map[string]units.Money{}
	if d.site.InKWh {
		return out, nil
	}
	before := uint64(0)
	for range costPages {
		entries, err := d.records.LedgerPage(ctx, before, costPage)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.At.Before(from) {
				return out, nil
			}
			switch e.Kind {
			case credit.Consumption, credit.Standing, credit.Demand, credit.Levy, credit.Export:
				out[e.Ref] += e.Amount
			}
			before = e.Seq
		}
		if len(entries) < costPage || before <= 1 {
			break
		}
	}
	return out, nil
}
