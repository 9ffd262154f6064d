package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
)

const ledgerColumns = "seq, at, kind, name, amount, balance, tax, energy, owed, debt, cause, ref, prev, hash"

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// putLedger appends entries and answers the new head.
func (s *Store) putLedger(ctx context.Context, tx *sql.Tx, entries []credit.Entry) (credit.Entry, error) {
	head := s.head
	if len(entries) == 0 {
		return head, nil
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO ledger("+ledgerColumns+") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
	if err != nil {
		return head, err
	}
	defer release(insert)
	for _, e := range entries {
		if err := follows(head, e); err != nil {
			return head, err
		}
		at, err := stamp(e.At)
		if err != nil {
			return head, fmt.Errorf("ledger entry %d: %w", e.Seq, err)
		}
		if _, err := insert.ExecContext(ctx, int64(e.Seq), at, string(e.Kind), e.Name, int64(e.Amount), int64(e.Balance), int64(e.Tax),
			int64(e.Energy), int64(e.Owed), int64(e.Debt), e.Cause, e.Ref, e.Prev, e.Hash); err != nil {
			return head, err
		}
		head = e
	}
	return head, nil
}

// follows checks that e is the entry right after head.
func follows(head, e credit.Entry) error {
	wrong := func(format string, args ...any) error {
		return &ChainError{Seq: e.Seq, What: fmt.Sprintf(format, args...)}
	}
	switch {
	case e.Seq != head.Seq+1 || e.Seq > math.MaxInt64:
		return wrong("the head is %d", head.Seq)
	case e.Prev != head.Hash:
		return wrong("it names another entry as the one before")
	case e.Hash != e.Sum():
		return wrong("its hash is not that of its content")
	case head.Balance+e.Amount != e.Balance:
		return wrong("balance %s and amount %s do not make %s", head.Balance, e.Amount, e.Balance)
	case head.Debt+e.Owed != e.Debt:
		return wrong("debt %s and change %s do not make %s", head.Debt, e.Owed, e.Debt)
	}
	return nil
}

func scanEntry(scan func(...any) error) (credit.Entry, error) {
	var e credit.Entry
	var at int64
	err := scan(&e.Seq, &at, &e.Kind, &e.Name, &e.Amount, &e.Balance, &e.Tax, &e.Energy, &e.Owed, &e.Debt, &e.Cause, &e.Ref, &e.Prev, &e.Hash)
	e.At = fromStamp(at)
	return e, err
}

// lastEntry is the ledger's head, the zero Entry where it is empty.
func lastEntry(ctx context.Context, q querier) (credit.Entry, error) {
	e, err := scanEntry(q.QueryRowContext(ctx, "SELECT "+ledgerColumns+" FROM ledger ORDER BY seq DESC LIMIT 1").Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return credit.Entry{}, nil
	}
	return e, err
}

// Ledger are the entries from seq from on, oldest first, read as they are
// needed, so that a million of them need no memory.  It ends after an error.
func (s *Store) Ledger(ctx context.Context, from uint64) iter.Seq2[credit.Entry, error] {
	return stream(ctx, s, s.readers, mainFile, scanEntry,
		"SELECT "+ledgerColumns+" FROM ledger WHERE seq >= ? ORDER BY seq", int64(min(from, math.MaxInt64)))
}

// LedgerPage are at most n entries before seq before, newest first; before 0
// begins at the head.
func (s *Store) LedgerPage(ctx context.Context, before uint64, n int) ([]credit.Entry, error) {
	if before == 0 || before > math.MaxInt64 {
		before = math.MaxInt64
	}
	return collect(stream(ctx, s, s.readers, mainFile, scanEntry,
		"SELECT "+ledgerColumns+" FROM ledger WHERE seq < ? ORDER BY seq DESC LIMIT ?", int64(before), n))
}

// LedgerBetween are the entries of [from, to] in the order of the ledger, read as
// they are needed.
func (s *Store) LedgerBetween(ctx context.Context, from, to time.Time) iter.Seq2[credit.Entry, error] {
	return stream(ctx, s, s.readers, mainFile, scanEntry,
		"SELECT "+ledgerColumns+" FROM ledger WHERE at >= ? AND at <= ? ORDER BY seq", from.UnixMilli(), to.UnixMilli())
}

// LedgerAhead is the last entry before an instant, the zero Entry where there is
// none.
func (s *Store) LedgerAhead(ctx context.Context, at time.Time) (credit.Entry, error) {
	e, err := scanEntry(s.readers.QueryRowContext(ctx, "SELECT "+ledgerColumns+" FROM ledger WHERE at < ? ORDER BY at DESC, seq DESC LIMIT 1", at.UnixMilli()).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return credit.Entry{}, nil
	}
	return e, s.classify(s.path(mainFile), "read", err)
}

// Find says which entries are looked for; what is zero does not matter.
type Find struct {
	Before uint64    // only entries with a smaller seq
	From   time.Time // [From, To)
	To     time.Time
	Kinds  []credit.Kind
	// Text is found in names and, with Causes, in causes, whatever its case.  The
	// entries of Also are found by their kind.
	Text   string
	Causes bool
	Also   []credit.Kind
}

// LedgerFind are at most n entries that are looked for, newest first.
func (s *Store) LedgerFind(ctx context.Context, f Find, n int) ([]credit.Entry, error) {
	where, args := []string{"seq < ?"}, []any{int64(math.MaxInt64)}
	if f.Before > 0 && f.Before < math.MaxInt64 {
		args[0] = int64(f.Before)
	}
	if !f.From.IsZero() {
		where, args = append(where, "at >= ?"), append(args, f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		where, args = append(where, "at < ?"), append(args, f.To.UnixMilli())
	}
	kinds := func(list []credit.Kind) string {
		for _, k := range list {
			args = append(args, string(k))
		}
		return "kind IN (" + strings.TrimSuffix(strings.Repeat("?,", len(list)), ",") + ")"
	}
	if len(f.Kinds) > 0 {
		where = append(where, kinds(f.Kinds))
	}
	if f.Text != "" {
		text := strings.ToLower(f.Text)
		// The name of an opening is the meter's number, which stands in its cause.
		any, more := "kind <> 'opening' AND instr(lower(name), ?) > 0", []any{text}
		if f.Causes {
			any, more = any+" OR instr(lower(cause), ?) > 0", append(more, text)
		}
		args = append(args, more...)
		if len(f.Also) > 0 {
			any += " OR " + kinds(f.Also)
		}
		where = append(where, "("+any+")")
	}
	return collect(stream(ctx, s, s.readers, mainFile, scanEntry,
		"SELECT "+ledgerColumns+" FROM ledger WHERE "+strings.Join(where, " AND ")+" ORDER BY seq DESC LIMIT ?", append(args, n)...))
}

// TokenSeen tells whether a token of this fingerprint was credited before.
func (s *Store) TokenSeen(ctx context.Context, fingerprint string) (bool, error) {
	var n int
	err := s.readers.QueryRowContext(ctx, "SELECT count(*) FROM token WHERE fingerprint = ?", fingerprint).Scan(&n)
	return n > 0, s.classify(s.path(mainFile), "read", err)
}

// release closes what was only read from or prepared: nothing can be lost by it.
func release(c io.Closer) { _ = c.Close() }

// stream reads rows one by one.
func stream[T any](ctx context.Context, s *Store, db querier, file string, scan func(func(...any) error) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			yield(zero, s.classify(s.path(file), "read", err))
			return
		}
		defer release(rows)
		for rows.Next() {
			v, err := scan(rows.Scan)
			if err != nil {
				yield(zero, s.classify(s.path(file), "read", err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, s.classify(s.path(file), "read", err))
		}
	}
}

// collect reads seq to its end or to its first error.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
