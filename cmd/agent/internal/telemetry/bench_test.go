package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

func BenchmarkLine(b *testing.B) {
	p := Point{
		"site",
		map[string]string{"site": "home", "meter": "main"},
		map[string]float64{"power_w": 1234.5, "import_kwh": 1234.567, "balance": 12.34, "price": 0.2345},
		t0,
	}
	for b.Loop() {
		if _, err := p.Line(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkForwarder takes 10,000 points from the outbox to a server.
func BenchmarkForwarder(b *testing.B) {
	bench := func(b *testing.B, url string, cfg Config) {
		const n = 10_000
		for b.Loop() {
			b.StopTimer()
			s, o := outbox(b, n)
			f := forwarder(b, url, o, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			b.StartTimer()
			done := make(chan error, 1)
			go func() { done <- f.Run(ctx) }()
			eventually(b, "an empty outbox", func() bool { return counts(b, o).Pending == 0 })
			b.StopTimer()
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "points/s")
	}
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("fake/batch=%d", size), func(b *testing.B) {
			srv := fake(b, func(_ int, _ string, w http.ResponseWriter) bool { return ok(w) })
			bench(b, srv.URL, Config{Batch: size})
		})
		b.Run(fmt.Sprintf("influxd/batch=%d", size), func(b *testing.B) {
			srv := testservers.StartInflux(b)
			time.Sleep(time.Second) // its own start is over then
			bench(b, srv.URL, Config{Bucket: srv.Bucket, Token: func() (string, error) { return srv.Token, nil }, Batch: size})
		})
	}
}
