package store

import (
	"context"
	"database/sql"
)

// MendTokens puts the tokens that the ledger names and the memory of used tokens
// lacks back into it, and answers how many there were.  The ledger is chained
// and the memory is not: a token that the ledger names is used.
func (s *Store) MendTokens(ctx context.Context) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	// A look first: writing where nothing is to be written would wear the disk at
	// every start.
	const missing = ` FROM ledger WHERE kind IN ('topup', 'notice', 'adjustment') AND length(ref) = 24
		AND ref NOT IN (SELECT fingerprint FROM token)`
	if err := s.main.QueryRowContext(ctx, "SELECT count(DISTINCT ref)"+missing).Scan(&n); err != nil {
		return 0, s.classify(s.path(mainFile), "read", err)
	}
	if n == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) (func(), error) {
		_, err := tx.ExecContext(ctx, "INSERT INTO token(fingerprint, at, seq) SELECT ref, min(at), min(seq)"+missing+" GROUP BY ref")
		return func() {}, err
	})
	return n, err
}
