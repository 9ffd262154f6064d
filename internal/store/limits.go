package store

import (
	"context"
	"database/sql"
	"iter"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Limited is the evidence of one limit that is over.
type Limited struct {
	N        uint64 // counts them; a gap is those that were not written down
	Source   string
	State    string
	Issuer   string
	Event    string
	Loads    []string // ids without blanks
	Whole    bool     // all that is drawn counts
	Limit    units.Power
	From, To time.Time
	Measured time.Duration
	Told     bool
	Energy   units.Energy
	Most     units.Power
	Above    time.Duration
	Met      time.Time // zero: never
}

// keepLimits is how long the evidence of limits is kept.
const keepLimits = 3 * 366 * 24 * time.Hour

func (s *Store) putLimits(ctx context.Context, tx *sql.Tx, all []Limited) error {
	for _, l := range all {
		from, err := stamp(l.From)
		to, err2 := stamp(l.To)
		if err != nil || err2 != nil {
			s.log.Error("a limit is left out of the records", "n", l.N, "from", l.From, "to", l.To)
			continue // what happened to the credit is not refused for what is told of it
		}
		met := sql.NullInt64{}
		if !l.Met.IsZero() {
			if met.Int64, err = stamp(l.Met); err == nil {
				met.Valid = true
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO limited(n, source, state, issuer, event, loads, whole, power, start, stop, measured, told, energy, most, above, met)
			VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(l.N), l.Source, l.State, l.Issuer, l.Event, strings.Join(l.Loads, " "), l.Whole, int64(l.Limit), from, to, //nolint:gosec // counted by ones
			int64(l.Measured), l.Told, int64(l.Energy), int64(l.Most), int64(l.Above), met); err != nil {
			return err
		}
	}
	return nil
}

// Limits yields the limits that held at some time in [from, to), in the order in which they
// ended.
func (s *Store) Limits(ctx context.Context, from, to time.Time) iter.Seq2[Limited, error] {
	if version, err := form(ctx, s.readers); err == nil && version < limitsForm {
		return func(func(Limited, error) bool) {} // nothing was written down then
	}
	return stream(ctx, s, s.readers, mainFile, scanLimited,
		`SELECT n, source, state, issuer, event, loads, whole, power, start, stop, measured, told, energy, most, above, met FROM limited
		WHERE stop >= ? AND start < ? ORDER BY id`, bound(from), bound(to))
}

func scanLimited(scan func(...any) error) (Limited, error) {
	var l Limited
	var n, power, from, to, measured, energy, most, above int64
	var loads string
	var met sql.NullInt64
	err := scan(&n, &l.Source, &l.State, &l.Issuer, &l.Event, &loads, &l.Whole, &power, &from, &to, &measured, &l.Told, &energy, &most, &above, &met)
	l.N, l.Limit, l.From, l.To = uint64(n), units.Power(power), fromStamp(from), fromStamp(to) //nolint:gosec // as it was written
	l.Measured, l.Energy, l.Most, l.Above = time.Duration(measured), units.Energy(energy), units.Power(most), time.Duration(above)
	if loads != "" {
		l.Loads = strings.Split(loads, " ")
	}
	if met.Valid {
		l.Met = fromStamp(met.Int64)
	}
	return l, err
}
