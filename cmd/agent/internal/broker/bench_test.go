package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
)

// BenchmarkForwarder takes 1,000 messages from the outbox to a broker, each
// acknowledged.
func BenchmarkForwarder(b *testing.B) {
	bench := func(b *testing.B, cfg Config) {
		const n = 1000
		s := session(b, cfg)
		run(b, s.Run)
		connected(b, s)
		ctx := context.Background()
		db, err := store.Open(ctx, b.TempDir(), store.Options{Ballast: -1})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		o := db.Outbox(store.MQTT)
		f := NewForwarder(s, o, time.Second, nil)
		run(b, f.Run)
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			var batch store.Batch
			for k := range n {
				batch.Outbox = append(batch.Outbox, store.Message{
					Channel: store.MQTT, Key: fmt.Sprint(i, k), Dest: "keeplit/test/ledger", Payload: make([]byte, 300), At: time.Now(), Ledger: true,
				})
			}
			b.StartTimer()
			if err := db.Commit(ctx, batch); err != nil {
				b.Fatal(err)
			}
			eventually(b, "an empty outbox", func() bool {
				c, err := o.Counts(ctx)
				return err == nil && c.Pending == 0
			})
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "messages/s")
	}
	b.Run("embedded", func(b *testing.B) { bench(b, Config{URL: embedded(b).URL()}) })
	b.Run("mosquitto", func(b *testing.B) { bench(b, login(testservers.StartMosquitto(b))) })
}
