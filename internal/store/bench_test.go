package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/keeplit/keeplit/credit"
)

// BenchmarkCommit commits n ledger entries at a time, each commit on the disk.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{Ballast: -1})
			var head credit.Entry
			for b.Loop() {
				batch := Batch{At: t0, Checkpoint: make([]byte, 4000)}
				for range n {
					head = next(head, 1)
					batch.Ledger = append(batch.Ledger, head)
				}
				must(b, s.Commit(context.Background(), batch))
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkStep commits what one slot of a house makes: two entries, three
// intervals, ten points, two messages and the checkpoint.
func BenchmarkStep(b *testing.B) {
	s := open(b, b.TempDir(), Options{Ballast: -1})
	var head credit.Entry
	for i := 0; b.Loop(); i++ {
		batch := Batch{At: t0, Checkpoint: make([]byte, 4000)}
		for range 2 {
			head = next(head, 1)
			batch.Ledger = append(batch.Ledger, head)
		}
		for _, series := range []string{"site", "pump", "oven"} {
			batch.Intervals = append(batch.Intervals, interval(series, i, 1))
		}
		for k := range 10 {
			batch.Outbox = append(batch.Outbox, message(fmt.Sprint(i, k), 120, t0, false))
		}
		batch.Outbox = append(batch.Outbox, Message{Channel: MQTT, Key: fmt.Sprint(i), Dest: "a", Payload: make([]byte, 300), At: t0, Ledger: true})
		must(b, s.Commit(context.Background(), batch))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkOutbox adds messages by the thousand and takes them out again.
func BenchmarkOutbox(b *testing.B) {
	ctx := context.Background()
	s := open(b, b.TempDir(), Options{Ballast: -1})
	o := s.Outbox(Influx)
	const n = 1000
	for i := 0; b.Loop(); i++ {
		var batch Batch
		for k := range n {
			batch.Outbox = append(batch.Outbox, message(fmt.Sprint(i, k), 120, t0, false))
		}
		must(b, s.Commit(ctx, batch))
		rows, err := o.Next(ctx, n)
		must(b, err)
		ids := make([]int64, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		must(b, o.Done(ctx, ids...))
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkMove moves a day of three series to intervals.db.
func BenchmarkMove(b *testing.B) {
	ctx := context.Background()
	s := open(b, b.TempDir(), Options{Ballast: -1})
	i := 0
	for b.Loop() {
		var batch Batch
		for range 48 {
			for _, series := range []string{"site", "pump", "oven"} {
				batch.Intervals = append(batch.Intervals, interval(series, i, 1))
			}
			i++
		}
		must(b, s.Commit(ctx, batch))
		must(b, s.MoveIntervals(ctx))
	}
	b.ReportMetric(float64(b.N*144)/b.Elapsed().Seconds(), "intervals/s")
}

// BenchmarkOpen opens a store of 100,000 ledger entries, with its check.
func BenchmarkOpen(b *testing.B) {
	ctx, dir := context.Background(), b.TempDir()
	s := open(b, dir, Options{Ballast: -1})
	var head credit.Entry
	for range 100 {
		var batch Batch
		for range 1000 {
			head = next(head, 1)
			batch.Ledger = append(batch.Ledger, head)
		}
		must(b, s.Commit(ctx, batch))
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := Open(ctx, dir, Options{Ballast: -1})
		must(b, err)
		must(b, s.Close())
	}
}
