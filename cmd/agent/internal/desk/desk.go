// Package front is what people and machines outside meet of the control loop:
// the page's picture of it, and what it says and hears over MQTT.
package front

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
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
	Intervals(ctx context.Context, series string, from, to time.Time) iter.Seq2[store.Interval, error]
	LastEvents(ctx context.Context, before int64, n int) ([]store.Event, error)
}

// Agent shows one loop to the page.  It is a web.Agent.
type Agent struct {
	site    *control.Site
	loop    *control.Loop
	records Records
	about   About
	fixed   fixedCharges
	words   present.Words
	plain   present.Plain
	keypad  atomic.Pointer[displayed]
	// anchor is how far the head that the broker keeps has been compared.
	anchor atomic.Int32
	paces  paces
}

// About is what the page tells besides the loop's own state.
type About struct {
	Name      string   // of the site, for people
	Unit      web.Unit // what money counts
	Version   string
	Started   time.Time
	Meter     string                   // what the meter is
	Digits    []int                    // lengths that a token may have
	Emergency credit.EmergencyDocument // what the configuration offers
	System    func() web.System        // links and outbox; its Meter is filled in here
	Demo      func() *web.Demo         // nil outside the demo
}

// New shows loop to the page.
func New(site *control.Site, loop *control.Loop, records Records, about About) *Agent {
	a := &Agent{site: site, loop: loop, records: records, about: about, words: present.NewWords()}
	a.plain = a.words.Plain(site)
	a.paces.init()
	return a
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
func (a *Agent) Keypad(first, second string) {
	a.keypad.Store(&displayed{strings.TrimSpace(first + " " + second), time.Now()})
}

// Changes signals that a newer View is there.
func (a *Agent) Changes(ctx context.Context) <-chan struct{} { return a.loop.Changes(ctx) }

// TopUp enters a token.
func (a *Agent) TopUp(ctx context.Context, token, source string) (web.TopUpResult, error) {
	was := a.loop.Snapshot().State
	reply, err := a.loop.Feed(ctx, control.Input{What: control.Token{Text: token, Source: source}})
	if errors.Is(err, control.ErrNotKnown) {
		return web.TopUpResult{Outcome: web.NotKnown, Balance: was.Credit.Available()}, nil
	}
	if errors.Is(err, control.ErrNotRecorded) {
		return web.TopUpResult{
			Outcome: web.NotRecorded, Balance: was.Credit.Available(),
		}, nil
	}
	if err != nil || reply.TopUp == nil {
		return web.TopUpResult{}, err
	}
	return a.topUpResult(*reply.TopUp, was, a.loop.Snapshot().State), nil
}

// TopUpFor is the least top-up that lasts to the end of a day, in the smallest
// coin, or in tenths of a kWh.
func (a *Agent) TopUpFor(day time.Time) (web.TopUpNeed, error) {
	st := a.loop.Snapshot().State
	n, err := a.site.TopUpFor(&st, day, a.site.Coin())
	if errors.Is(err, control.ErrNotForecast) {
		return web.TopUpNeed{}, web.ErrUnknown
	}
	return web.TopUpNeed{Until: n.Until, Safe: n.Safe, Even: n.Even, SafeMay: n.SafeMay, EvenMay: n.EvenMay}, err
}

func (a *Agent) topUpResult(r credit.Result, was, is control.State) web.TopUpResult {
	out := web.TopUpResult{
		Outcome: outcome(r), Amount: r.Bought, Balance: r.Available, TriesLeft: r.TriesLeft, Reason: a.plain.Say(r.Says),
	}
	for _, p := range r.Paid {
		out.Paid = append(out.Paid, web.Part{Name: p.Name, Amount: p.Amount})
	}
	if r.Token.Code == credit.Unreadable {
		out.Remedy = a.words.T("refused.unreadable.do")
	}
	if r.Wait > 0 {
		out.Until = is.Now.Add(r.Wait)
	}
	if r.Accepted() && r.Token.Effect != credit.AddCredit && r.Token.Effect != credit.SetCredit {
		out.Effect = a.plain.Say(r.Says)
	}
	// Without a switch nothing was off, and nothing comes back.
	out.Restored = a.site.Contactor && !was.Decision.Close && is.Decision.Close
	out.ReadyToRestore = a.site.Contactor && is.Credit.Supply.Position == credit.Ready
	return out
}

func outcome(r credit.Result) web.Outcome {
	switch r.Token.Code {
	case credit.Accept:
		return web.Accepted
	case credit.Used:
		return web.AlreadyUsed
	case credit.Old, credit.Expired:
		return web.TooOld
	case credit.Lockout:
		return web.Locked
	case credit.Unreadable, credit.Withheld:
		return web.NotRecorded
	case credit.Format:
		return web.Malformed
	case credit.CRC, credit.Invalid, credit.Range:
		return web.Wrong
	default:
	}
	return web.Refused
}

// LoadRun runs a load now.
func (a *Agent) LoadRun(ctx context.Context, id string) error {
	return a.request(ctx, control.Request{Kind: control.RunLoad, Load: id, By: "page"})
}

// LoadSkip leaves out a load's present or next run.
func (a *Agent) LoadSkip(ctx context.Context, id string) error {
	return a.request(ctx, control.Request{Kind: control.SkipLoad, Load: id, By: "page"})
}

// LoadAuto takes back LoadRun or LoadSkip.
func (a *Agent) LoadAuto(ctx context.Context, id string) error {
	return a.request(ctx, control.Request{Kind: control.AutoLoad, Load: id, By: "page"})
}

// AcceptEmergency takes the emergency credit on offer.
func (a *Agent) AcceptEmergency(ctx context.Context) error {
	return a.request(ctx, control.Request{Kind: control.AcceptEmergency, By: "page"})
}

// Reconnect closes an armed supply.
func (a *Agent) Reconnect(ctx context.Context) error {
	return a.request(ctx, control.Request{Kind: control.Reconnect, By: "page"})
}

// Acknowledge marks a warning as seen.
func (a *Agent) Acknowledge(ctx context.Context, code string) error {
	known := false
	for _, w := range a.loop.Snapshot().State.Health.Active {
		known = known || string(w.Code) == code
	}
	if !known {
		return web.ErrUnknown
	}
	return a.request(ctx, control.Request{Kind: control.Acknowledge, Code: health.Code(code), By: "page"})
}

func (a *Agent) request(ctx context.Context, r control.Request) error {
	reply, err := a.loop.Feed(ctx, control.Input{What: r})
	var lacks *credit.NotOfferedError
	switch {
	case errors.Is(err, control.ErrNotRecorded):
		return &web.Refusal{Reason: a.words.T("refused.not_recorded"), Remedy: a.words.T("refused.not_recorded.do")}
	case errors.Is(err, control.ErrNotKnown):
		return &web.Refusal{Reason: a.words.T("refused.not_known"), Remedy: a.words.T("refused.not_known.do")}
	case err != nil:
		return err
	case errors.Is(reply.Err, control.ErrUnknownLoad):
		return web.ErrUnknown
	case errors.Is(reply.Err, control.ErrHeld):
		return &web.Refusal{Reason: a.words.T("refused.held"), Remedy: a.words.T("refused.held.do")}
	case errors.Is(reply.Err, control.ErrNotReady):
		return &web.Refusal{Reason: a.words.T("refused.not_ready")}
	case errors.As(reply.Err, &lacks):
		return &web.Refusal{Reason: sentence(a.plain.Say(lacks.Says))}
	}
	return reply.Err
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:] + "."
}

// Ledger is a page of the ledger, newest first.
func (a *Agent) Ledger(ctx context.Context, before uint64, n int) ([]web.LedgerRow, error) {
	entries, err := a.records.LedgerPage(ctx, before, n)
	if err != nil {
		return nil, err
	}
	rows := make([]web.LedgerRow, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, web.LedgerRow{
			Seq: e.Seq, At: e.At, Kind: string(e.Kind), Amount: e.Amount, Balance: e.Balance, Energy: e.Energy, Cause: e.Cause,
			Guest: strings.ReplaceAll(e.Cause, a.site.Meter, masked(a.site.Meter)),
		})
	}
	return rows, nil
}

// masked is a meter's number of which a guest may know the end.
func masked(number string) string {
	const shown = 3
	if len(number) <= 2*shown {
		return "…"
	}
	return "…" + number[len(number)-shown:]
}

// Log is what happened.
func (a *Agent) Log(ctx context.Context, before int64, n int) ([]web.LogRow, error) {
	events, err := a.records.LastEvents(ctx, before, n)
	if err != nil {
		return nil, err
	}
	rows := make([]web.LogRow, 0, len(events))
	for _, e := range events {
		row := web.LogRow{ID: e.ID, At: e.At, Code: e.Code, Text: e.Text, Severity: web.Caution}
		switch e.Severity {
		case health.Info.String():
			row.Severity = web.Info
		case health.Critical.String():
			row.Severity = web.Critical
		}
		code, over := strings.CutSuffix(e.Code, "_cleared")
		if health.Known(health.Code(code)) {
			row.Title, row.Over = a.words.Title(code), over
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// History is the measured use of the site in [from, to).
func (a *Agent) History(ctx context.Context, from, to time.Time) ([]web.HistoryPoint, error) {
	costs, err := a.costs(ctx, from)
	if err != nil {
		return nil, err
	}
	var out []web.HistoryPoint
	for iv, err := range a.records.Intervals(ctx, control.SiteSeries, from, to) {
		if err != nil {
			return nil, err
		}
		out = append(out, web.HistoryPoint{
			Slot: iv.Slot, Energy: iv.Import, Cost: -costs[iv.Slot.Start.UTC().Format(time.RFC3339)], Gap: iv.Quality&^metering.Censored != 0, Held: iv.Quality&metering.Censored != 0,
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
func (a *Agent) costs(ctx context.Context, from time.Time) (map[string]units.Money, error) {
	out := map[string]units.Money{}
	if a.site.InKWh {
		return out, nil
	}
	before := uint64(0)
	for range costPages {
		entries, err := a.records.LedgerPage(ctx, before, costPage)
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
