package api

import (
	"time"

	"github.com/keeplit/keeplit/credit"
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
	Amount  string    `json:"amount"`
	Balance string    `json:"balance"`
	KWh     float64   `json:"energy_kwh"`
	Cause   string    `json:"cause"`
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
