package api

import (
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
)

// Ledger is a page of the ledger: GET /api/v1/ledger.
type Ledger struct {
	Rows []LedgerRow `json:"rows"`
}

// LedgerRow is one entry as its reader may know it.
type LedgerRow struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name,omitempty"`
	Amount  string    `json:"amount"`
	Tax     string    `json:"tax,omitempty"`
	Balance string    `json:"balance"`
	KWh     float64   `json:"energy_kwh"`
	Cause   string    `json:"cause"`
}

// Statement is a stretch of the account: GET /api/v1/statement.
type Statement struct {
	Sum     *Stretch   `json:"sum,omitempty"`     // of a month by days, of a day by hours
	Rows    []Stretch  `json:"rows,omitempty"`    // by day, hour or month
	TopUps  []Purchase `json:"topups,omitempty"`  // by top-up, newest first
	Earlier *uint64    `json:"earlier,omitempty"` // before, of the top-ups that follow
}

// Stretch is what a stretch of time comes to.
type Stretch struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Opening string    `json:"opening"`
	Closing string    `json:"closing"`
	Sums
}

// Sums are what is added up of a stretch.  All amounts but Other are above zero as a rule.
type Sums struct {
	Charged string  `json:"charged"`
	Fixed   string  `json:"fixed"`
	Bought  string  `json:"bought"`
	Debts   string  `json:"debts"`
	Other   string  `json:"other"`
	KWh     float64 `json:"energy_kwh"`
	Sold    float64 `json:"sold_kwh"`
	Parts   []Share `json:"parts"`
}

// Share is what one charge, or one kind of movement, comes to.
type Share struct {
	Kind   string  `json:"kind"`
	Name   string  `json:"name,omitempty"`
	Amount string  `json:"amount"` // + credit, - charge
	Tax    string  `json:"tax"`
	Owed   string  `json:"owed"` // by how much the debt grew
	KWh    float64 `json:"energy_kwh"`
}

// Purchase is a top-up and what came until the next one.
type Purchase struct {
	Seq    uint64     `json:"seq"`
	At     time.Time  `json:"at"`
	Way    string     `json:"way"`
	Amount string     `json:"amount"`
	Paid   []Share    `json:"paid"`
	Left   string     `json:"left"`
	Until  *time.Time `json:"until"` // the next top-up; null: it is the last
	Since  Sums       `json:"since"`
}

// StretchOf is a span as it is sent.
func StretchOf(s *statement.Span) Stretch {
	return Stretch{From: s.From.UTC(), To: s.To.UTC(), Opening: money(s.Opening), Closing: money(s.Closing), Sums: sumsOf(&s.Sum)}
}

func sumsOf(s *statement.Sum) Sums {
	return Sums{
		Charged: money(s.Charged), Fixed: money(s.Fixed), Bought: money(s.Bought), Debts: money(s.Debts), Other: money(s.Other),
		KWh: s.Energy.KWh(), Sold: s.Sold.KWh(), Parts: sharesOf(s.Parts),
	}
}

func sharesOf(parts []statement.Part) []Share {
	out := make([]Share, len(parts))
	for i, p := range parts {
		out[i] = Share{Kind: string(p.Kind), Name: p.Name, Amount: money(p.Amount), Tax: money(p.Tax), Owed: money(p.Owed), KWh: p.Energy.KWh()}
	}
	return out
}

// PurchaseOf is a top-up as it is sent.
func PurchaseOf(p *statement.Purchase) Purchase {
	return Purchase{Seq: p.Seq, At: p.At.UTC(), Way: p.Way, Amount: money(p.Amount), Paid: sharesOf(p.Paid), Left: money(p.Left), Until: At(p.Until), Since: sumsOf(&p.Since)}
}

// Entry is a whole entry: the MQTT topic ledger.
type Entry struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name,omitempty"`
	Amount  string    `json:"amount"`
	Balance string    `json:"balance"`
	Tax     string    `json:"tax,omitempty"`
	KWh     float64   `json:"kwh,omitempty"`
	Cause   string    `json:"cause"`
	Hash    string    `json:"hash"`
}

// EntryOf is an entry as others read it: amounts as exact decimals.
func EntryOf(e credit.Entry) Entry {
	m := Entry{
		Seq: e.Seq, At: e.At, Kind: string(e.Kind), Name: e.Name, Amount: money(e.Amount), Balance: money(e.Balance),
		KWh: e.Energy.KWh(), Cause: e.Cause, Hash: e.Hash,
	}
	if e.Tax != 0 {
		m.Tax = money(e.Tax)
	}
	return m
}

// Head is the end of the ledger, for somebody outside to keep: a cut tail, an old
// copy put back and a rewritten ledger do not match it.  It is the MQTT topic
// ledger/head, and the broker keeps the last one.
type Head struct {
	Seq     uint64 `json:"seq"`
	Hash    string `json:"hash"`
	Balance string `json:"balance"` // posted
	// First is the hash of the ledger's first entry: another one is another
	// ledger.  Older agents did not tell it.
	First string `json:"first,omitempty"`
}

// HeadOf is the head of a ledger that begins with first and ends with last.
func HeadOf(first, last credit.Entry) Head {
	return Head{last.Seq, last.Hash, money(last.Balance), first.Hash}
}

// Log is a page of what happened: GET /api/v1/log.
type Log struct {
	Rows []LogRow `json:"rows"`
}

// LogRow is something that happened.
type LogRow struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Severity string    `json:"severity"` // info, caution or critical
	Code     string    `json:"code"`
	Title    string    `json:"title,omitempty"`
	Text     string    `json:"text"`
}

// Event is something that happened, told once: the MQTT topic event.
type Event struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Code     string    `json:"code"`
	Severity string    `json:"severity"` // info, caution, serious or critical
	Text     string    `json:"text"`
}

// History is measured use: GET /api/v1/history.
type History struct {
	Points []Point    `json:"points"`
	Next   *time.Time `json:"next"` // ask on from here; null at the end
}

// Point is one measured interval.
type Point struct {
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	KWh     float64   `json:"energy_kwh"`
	Cost    string    `json:"cost"`
	Gap     bool      `json:"gap"`
	Held    bool      `json:"held"`
}
