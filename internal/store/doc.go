// Package store keeps what the agent must not forget: the ledger, the tokens
// seen, the control loop's checkpoint, events, plans, interval readings, and
// the outbox of messages that others have not confirmed yet.
//
// A Store is a directory with two SQLite files.  keeplit.db holds everything
// that moves credit and is synced to the disk at every commit; intervals.db
// holds interval readings, which are many, and is synced in batches.  Commit is
// the only way in: a Batch is stored whole or not at all, and when Commit
// returns nil it survives a power cut.  Telemetry is the exception: it is stored
// after the batch it came with, and dropped where it cannot be.  An interval waits in keeplit.db until
// its move to intervals.db is on the disk, so it is in the same transaction as
// the charge made for it.  FORMAT.md beside this file tells the rest.
//
// The store reads no clock: times are those of the rows it is given, so that
// a replayed year and the real day are kept in the same way.
package store
