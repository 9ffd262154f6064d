package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the "sqlite" driver
)

// entry is a line of the ledger, as internal/store/FORMAT.md has it.
type entry struct {
	seq, at                                  int64
	kind, name                               string
	amount, balance, tax, energy, owed, debt int64
	cause, ref, prev, hash                   string
}

// records are what lies in a data folder.
type records struct {
	entries  []entry
	tokens   map[string]int64 // the ledger's entry by fingerprint
	sum      string           // of the state, as it was stored with it
	packed   []byte
	base     []byte // by which packed is told, where baseSum is not empty
	baseSum  string
	state    state
	halves   int   // intervals of the site
	measured int64 // of the site's series, in all files, in µJ
	events   map[string]int
	form     int   // of keeplit.db
	fixed    int64 // charged by the calendar, below zero: known once they were judged
}

// state is what is needed of the stored state.
type state struct {
	Meter struct {
		Import    int64 `json:"import"` // as the meter showed it last, in µJ
		Registers struct {
			Import int64 `json:"import"` // counted in all
		} `json:"registers"`
		Intervals struct {
			Open struct {
				Import int64 `json:"import"`
			} `json:"open"`
		} `json:"intervals"`
	} `json:"meter"`
	Credit struct {
		Balance int64 `json:"balance"`
		Head    struct {
			Seq  int64  `json:"seq"`
			Hash string `json:"hash"`
		} `json:"head"`
		Pending []struct {
			Charge struct {
				Amount int64 `json:"amount"`
				Energy int64 `json:"energy"`
			} `json:"charge"`
		} `json:"pending"`
	} `json:"credit"`
	Clock struct {
		Young bool  `json:"young"`
		Up    int64 `json:"up"`
	} `json:"clock"`
	Health struct {
		Active []struct {
			Code string `json:"code"`
		} `json:"active"`
	} `json:"health"`
}

// read reads a copy of the data folder, so that nothing of it is changed.
func read(dir string) (*records, error) {
	copied, err := os.MkdirTemp("", "torture-records-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(copied)
	for _, name := range databases() {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) && name != "keeplit.db" {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(copied, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return readCopy(copied)
}

func readCopy(dir string) (*records, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "keeplit.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r := &records{tokens: map[string]int64{}, events: map[string]int{}}
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return nil, fmt.Errorf("the database is damaged: %s %w", verdict, err)
	}
	each := func(db *sql.DB, query string, take func(func(...any) error) error) error {
		rows, err := db.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := take(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	var parts int64
	var n, form int
	if err := db.QueryRow("PRAGMA user_version").Scan(&form); err != nil {
		return nil, err
	}
	r.form = form
	errs := []error{
		each(db, "SELECT seq, at, kind, name, amount, balance, tax, energy, owed, debt, cause, ref, prev, hash FROM ledger ORDER BY seq", func(scan func(...any) error) error {
			var e entry
			err := scan(&e.seq, &e.at, &e.kind, &e.name, &e.amount, &e.balance, &e.tax, &e.energy, &e.owed, &e.debt, &e.cause, &e.ref, &e.prev, &e.hash)
			r.entries = append(r.entries, e)
			return err
		}),
		each(db, "SELECT fingerprint, seq FROM token", func(scan func(...any) error) error {
			var name string
			var seq int64
			err := scan(&name, &seq)
			r.tokens[name] = seq
			return err
		}),
		each(db, "SELECT code, count(*) FROM event GROUP BY code", func(scan func(...any) error) error {
			var code string
			var n int
			err := scan(&code, &n)
			r.events[code] = n
			return err
		}),
		each(db, checkpointOf(form), func(scan func(...any) error) error {
			return scan(&r.packed, &r.sum, &r.baseSum, &r.base)
		}),
	}
	var moved int64
	if info, err := os.Stat(filepath.Join(dir, "intervals.db")); err == nil && info.Size() > 0 {
		history, err := sql.Open("sqlite", filepath.Join(dir, "intervals.db"))
		if err != nil {
			return nil, err
		}
		defer history.Close()
		errs = append(errs,
			each(history, "SELECT id FROM moved", func(scan func(...any) error) error { return scan(&moved) }),
			each(history, "SELECT coalesce(sum(import), 0), count(*) FROM interval WHERE series = 'site'", func(scan func(...any) error) error { return scan(&parts, &n) }))
		r.measured, r.halves = r.measured+parts, n
	}
	errs = append(errs, each(db, fmt.Sprintf("SELECT coalesce(sum(import), 0), count(*) FROM pending_interval WHERE series = 'site' AND id > %d", moved),
		func(scan func(...any) error) error { return scan(&parts, &n) }))
	r.measured, r.halves = r.measured+parts, r.halves+n
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, r.unpack()
}

// checkpointOf reads the state of a file of this form or of the one before.
func checkpointOf(form int) string {
	if form < 5 {
		return "SELECT data, sum, '', NULL FROM checkpoint"
	}
	return "SELECT c.data, c.sum, c.base, b.data FROM checkpoint c LEFT JOIN checkpoint_base b"
}

// sum is the hash that an entry should have (docs/adr/0017).
func (e entry) sum() string {
	b := []byte("keeplit ledger entry 1\n")
	number := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	text := func(s string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	number(e.seq)
	number(e.at)
	text(e.kind)
	text(e.name)
	for _, v := range []int64{e.amount, e.balance, e.tax, e.energy, e.owed, e.debt} {
		number(v)
	}
	text(e.cause)
	text(e.ref)
	text(e.prev)
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// told is what the customer knows of a token.
type told struct {
	token
	known    bool // it was said that it counts, now or before
	accepted int  // how often it was said to count now
}

const microjoules = 3_600_000 // of a mWh

// against are the laws that the records break: begun is what the meter showed when the
// account began, in mWh, opens the credit that there was then, tokens what the vendor has made.
func (r *records) against(begun, opens int64, tokens []*told) (broken []string) {
	say := func(format string, a ...any) { broken = append(broken, fmt.Sprintf(format, a...)) }
	var before entry
	credited := map[string]entry{}
	worth, charged, fixed := int64(0), int64(0), int64(0)
	for i, e := range r.entries {
		if e.seq != int64(i+1) || e.prev != before.hash || e.hash != e.sum() || e.balance != before.balance+e.amount {
			say("the ledger's chain breaks at entry %d", e.seq)
		}
		before = e
		if e.kind == "consumption" {
			charged += e.energy
		}
		if e.kind == "standing" {
			fixed += e.amount
		}
		if e.kind != "topup" {
			continue
		}
		if _, twice := credited[e.ref]; twice {
			say("a token is credited twice (entry %d)", e.seq)
		}
		credited[e.ref] = e
		worth += e.amount
	}
	if len(credited) != len(r.tokens) {
		say("%d tokens are credited, %d are remembered", len(credited), len(r.tokens))
	}
	known := 0
	for _, t := range tokens {
		e, ok := credited[t.fingerprint]
		if ok {
			known++
		}
		switch {
		case t.known && !ok:
			say("a token of %d that was acknowledged is lost", t.value)
		case ok && e.amount != t.value*1_000_000:
			say("a token of %d is credited with %d", t.value, e.amount)
		case t.accepted > 1:
			say("a token of %d was accepted %d times", t.value, t.accepted)
		}
	}
	if known != len(credited) {
		say("%d tokens are credited that nobody has made", len(credited)-known)
	}
	if r.packed == nil {
		if len(r.entries) > 0 {
			say("there is a ledger and no state")
		}
		return broken
	}
	s := r.state
	if s.Credit.Head.Seq != before.seq || s.Credit.Head.Hash != before.hash {
		say("the state is that of entry %d, the ledger ends at %d", s.Credit.Head.Seq, before.seq)
	}
	if s.Meter.Import == 0 {
		return broken // no reading yet
	}
	used := s.Meter.Import - begun*microjoules
	if s.Meter.Registers.Import != used {
		say("the meter has moved by %d µJ, %d are counted", used, s.Meter.Registers.Import)
	}
	if sum := r.measured + s.Meter.Intervals.Open.Import; sum != used {
		say("the meter has moved by %d µJ, the intervals hold %d", used, sum)
	}
	available := s.Credit.Balance
	for _, p := range s.Credit.Pending {
		available -= p.Charge.Amount
		charged += p.Charge.Energy
		if p.Charge.Energy == 0 {
			fixed -= p.Charge.Amount
		}
	}
	r.fixed = fixed
	if charged != used {
		say("the meter has moved by %d µJ, %d are charged", used, charged)
	}
	// Exact to the rounding of what is under way: a millionth.
	if want := opens + worth + fixed - muldiv(used, price, 1_000_000*microjoules); abs(available-want) > 1 {
		say("the credit is %d, by meter and tokens it is %d", available, want)
	}
	return broken
}

// muldiv is a*b/c for what does not fit 64 bits in between.
func muldiv(a, b, c int64) int64 { return a/c*b + a%c*b/c }

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}
