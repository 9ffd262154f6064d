package credit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Code is the answer to a token, by the names that real meters show.
type Code string

// The answers.  Only a Guess counts towards the lock-out.
const (
	Accept     Code = "accept"
	Used       Code = "used"        // a true token that was entered before: nothing to worry about
	Old        Code = "old"         // a true token too old to tell whether it was entered
	Expired    Code = "key_expired" // issued after the key's last day
	Overflow   Code = "overflow"    // a true token that would take the account past its greatest balance
	Function   Code = "function"    // a true token that this meter has no use for
	KeyType    Code = "key_type"    // a key change that may not be made
	Default    Code = "ddtk"        // credit under a default key
	Maker      Code = "mfr"         // a maker's test token of another maker
	Format     Code = "format"      // not a token at all: length or characters
	Range      Code = "range"       // digits beyond the scheme's greatest number
	Invalid    Code = "invalid"     // no token of this meter (schemes without a checksum)
	CRC        Code = "crc"         // no token of this meter (checksum)
	Withheld   Code = "withheld"    // not looked at: the records may not be the newest
	Lockout    Code = "lockout"     // not looked at: too many wrong ones before
	Unreadable Code = "fault"       // the meter's own fault, never the customer's
)

// Guess tells whether the answer counts as a wrong try.  A slip of the finger
// that no scheme could take for a token (length) does not, nor does a true
// token that is of no use now.
func (c Code) Guess() bool { return c == CRC || c == Invalid || c == Range }

// Effect is what an accepted token does.
type Effect string

// The effects.
const (
	AddCredit   Effect = "add"
	SetCredit   Effect = "set"
	ClearCredit Effect = "clear"
	Unlock      Effect = "unlock"      // paid off: the supply is never cut for credit again
	Sync        Effect = "sync"        // only the scheme's counter moves
	PowerLimit  Effect = "power_limit" // Power carries it; 0 lifts it
	TariffRate  Effect = "tariff"      // Value carries the rate's number
	KeyChange   Effect = "key_change"  // Value words of Of are in; complete where Value == Of
	ClearTamper Effect = "clear_tamper"
	PhaseLimit  Effect = "phase_limit" // Power carries the greatest unbalance
	SelfTest    Effect = "test"        // Value carries the control field
	Revoke      Effect = "revoke"      // the serials from Value to Of are void
)

// Token is a token as its scheme read it.
type Token struct {
	Scheme string `json:"scheme,omitempty"`
	// ID is what the scheme says makes the token unique among all that it ever
	// reads: two that share it are one token, and two that differ in it are two,
	// even where their digits are the same.  Empty: it may be taken again, as it
	// gives nothing (a test, a word of a key change).
	ID string `json:"id,omitempty"`
	// ByDigits: records written before tokens had an ID may know this one, by a
	// fingerprint of its digits.
	ByDigits bool         `json:"-"`
	Code     Code         `json:"code"`
	Effect   Effect       `json:"effect,omitempty"`
	Energy   units.Energy `json:"energy,omitempty"` // credit in energy, or
	Money    units.Money  `json:"money,omitempty"`  // credit in money: one of the two
	InMoney  bool         `json:"in_money,omitempty"`
	Power    units.Power  `json:"power,omitempty"`
	Value    int64        `json:"value,omitempty"` // the raw number that the token carries
	Of       int64        `json:"of,omitempty"`
	Class    int          `json:"class,omitempty"`
	SubClass int          `json:"subclass,omitempty"`
	Maker    int          `json:"maker,omitempty"`  // of a test token
	Count    int          `json:"count,omitempty"`  // OpenPAYGO
	TID      uint32       `json:"tid,omitempty"`    // STS
	Issued   time.Time    `json:"issued,omitzero"`  // STS
	Detail   said.Said    `json:"detail,omitempty"` // why, where the code alone does not say
}

// Scheme reads the tokens of one standard.  It is pure: what it must remember
// goes out as the next state and comes back with the next token, within the
// transaction of the token's effect.
type Scheme interface {
	// Name is the scheme's key in the account; it never changes.
	Name() string
	// Fits tells whether digits, already normalised, have the scheme's shape.
	Fits(digits string) bool
	// Odds is the greatest chance that one guess is taken for a token that gives
	// credit, whatever tokens were taken before.  The lock-out follows from it.
	Odds() float64
	// Read decodes digits.  state is what the scheme answered last, nil for a
	// new account.  next is state with the token taken note of where the code
	// is Accept, and state itself otherwise.  An error means that state cannot
	// be used, never that the token is wrong.
	Read(state json.RawMessage, digits string, at time.Time) (t Token, next json.RawMessage, err error)
}

// Starter is a Scheme whose tokens say when they were made: one made before the
// account was opened is old, so that an account that was begun anew does not take
// every token that was ever sold.
type Starter interface {
	// StartAt is the state of an account that is opened at an instant; state is nil,
	// or what there is where the clock is set soon after: it stays where a token
	// has been taken.
	StartAt(state json.RawMessage, opening time.Time) (json.RawMessage, error)
}

// Numbered is a Scheme that knows the number that its meter's tokens are bought for.
// Messages name it beside the tokens, and it may be as long as one.
type Numbered interface {
	MeterNumber() string // "" where it is not known
}

// Normalize strips what people and cameras put between the digits of a token:
// blanks, dashes, dots, and the label of a QR text such as "token:"; digits of
// other scripts become those that schemes read.
func Normalize(text string) string {
	if i := strings.LastIndexAny(text, ":="); i >= 0 {
		text = text[i+1:]
	}
	return bare(text)
}

// bare is text without what stands between digits.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if between(r) {
			return -1
		}
		if d, ok := digit(r); ok {
			return rune(d)
		}
		return r
	}, text)
}

// between tells whether r may stand between the digits of a token.
func between(r rune) bool {
	switch r {
	case '-', '.', '_', '\u00ad', '\u00b7', '\u2212', '\ufe63', '\uff0d', '\uff0e', '\u30fb':
		return true
	}
	// Dashes of all kinds, and what is not seen at all: marks of direction, joiners.
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf)
}

// Digits is the token in what was typed, pasted or scanned: the one whole token
// that Find finds in it.  Where there is none, or several, it is the normalised
// text, for the scheme to refuse; where it is not clear which, the numbers with blanks between them.
func (e *Engine) Digits(text string) string {
	if found := e.Find(text); len(found) == 1 && (found[0].Slip == Whole || found[0].Slip == Unclear) {
		return found[0].Digits
	}
	return Normalize(text)
}

func (e *Engine) fits(digits string) bool {
	return slices.ContainsFunc(e.schemes, func(s Scheme) bool { return s.Fits(digits) })
}

// Fingerprint names a token in the ledger without showing it.  id is the
// token's ID, or its digits where it has none; records written before tokens
// had an ID have the digits of all.
func Fingerprint(scheme, id string) string {
	h := sha256.Sum256([]byte("keeplit token\n" + scheme + "\n" + id))
	return hex.EncodeToString(h[:12])
}
