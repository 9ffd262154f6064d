package credit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Kind says what an entry is.
type Kind string

// The kinds of entry.  Consumption to Tax are also the kinds of charge.
const (
	Opening     Kind = "opening"     // the first entry of a ledger
	Topup       Kind = "topup"       // a token or another payment
	Consumption Kind = "consumption" // energy used
	Export      Kind = "export"      // energy sold, a negative charge
	Standing    Kind = "standing"    // charge by time: day, month, at purchase
	Demand      Kind = "demand"      // charge by greatest demand
	Levy        Kind = "levy"        // charge by energy or by bill that is not the price
	Tax         Kind = "tax"         // a tax shown apart
	Debt        Kind = "debt"        // a debt taken on or paid
	Emergency   Kind = "emergency"   // emergency credit offered, accepted, spent, paid back
	Adjustment  Kind = "adjustment"  // a correction by the operator
	Refund      Kind = "refund"      // money back, to or from the customer
	Gift        Kind = "gift"        // time-based free units
	Supply      Kind = "supply"      // the supply's state changed; no money
	Notice      Kind = "notice"      // a token that moves no money, a clock step, a lock-out
)

// Entry is one line of the ledger.  Entries are only ever appended.
type Entry struct {
	Seq     uint64       `json:"seq"` // from 1, without a gap
	At      time.Time    `json:"at"`  // UTC, whole milliseconds
	Kind    Kind         `json:"kind"`
	Name    string       `json:"name,omitempty"`   // which charge, debt or source
	Amount  units.Money  `json:"amount"`           // + credit, - charge
	Balance units.Money  `json:"balance"`          // after this entry
	Tax     units.Money  `json:"tax,omitempty"`    // the part of Amount that is tax, same sign
	Energy  units.Energy `json:"energy,omitempty"` // what the charge is for; exported energy is negative
	Owed    units.Money  `json:"owed,omitempty"`   // change of the debt Name: + grows, - is paid
	Debt    units.Money  `json:"debt,omitempty"`   // all debts together after this entry
	Cause   string       `json:"cause"`            // why, in words
	Ref     string       `json:"ref,omitempty"`    // token fingerprint, interval start
	Prev    string       `json:"prev"`             // Hash of the entry before; "" for the first
	Hash    string       `json:"hash"`             // SHA-256 of Canonical, in hex
}

// fingerprintDigits is the length of what Fingerprint answers.
const fingerprintDigits = 24

// NamesToken tells whether the entry is the one effect of a token, which Ref
// names.  What a top-up pays for has the same Ref and is no effect of its own.
func (e Entry) NamesToken() bool {
	switch e.Kind {
	case Topup, Notice, Adjustment:
		return len(e.Ref) == fingerprintDigits
	}
	return false
}

// magic begins every canonical encoding, so that a hash of an entry can never
// be that of another thing.
const magic = "keeplit ledger entry 1\n"

// Canonical is the byte string that Hash is the SHA-256 of: the magic line
// "keeplit ledger entry 1\n", then the fields in the order of the struct up to
// Prev.  An integer (At is Unix milliseconds) is 8 bytes big-endian two's
// complement; a string is its length in 4 bytes big-endian, then its bytes
// (Prev is the hex text).
func (e Entry) Canonical() []byte {
	b := make([]byte, 0, len(magic)+8*8+5*4+len(e.Kind)+len(e.Name)+len(e.Cause)+len(e.Ref)+len(e.Prev))
	b = append(b, magic...)
	number := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	number(int64(e.Seq))
	number(e.At.UnixMilli())
	text(string(e.Kind))
	text(e.Name)
	number(int64(e.Amount))
	number(int64(e.Balance))
	number(int64(e.Tax))
	number(int64(e.Energy))
	number(int64(e.Owed))
	number(int64(e.Debt))
	text(e.Cause)
	text(e.Ref)
	text(e.Prev)
	return b
}

// Sum is the hash that the entry should carry.
func (e Entry) Sum() string {
	h := sha256.Sum256(e.Canonical())
	return hex.EncodeToString(h[:])
}

// stamp is t as entries keep it: UTC, whole milliseconds, no monotonic part.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
