package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
)

// TestRealInflux lets a real server be killed and stopped while points come in,
// and asks it afterwards.
func TestRealInflux(t *testing.T) {
	srv := testservers.StartInflux(t)
	s, o := outbox(t, 0)
	token := func() (string, error) { return srv.Token, nil }
	f := forwarder(t, srv.URL, o, Config{Bucket: srv.Bucket, Token: token, Batch: 100})
	stop := run(t, f)
	const n = 3000
	for i := 0; i < n; i += 50 {
		add(t, s, i, 50)
		switch i {
		case 500:
			srv.Kill()
		case 1000, 2500:
			srv.Start()
		case 2000:
			srv.Stop()
		}
	}
	eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
	if got := srv.Count("m", "v"); got != n {
		t.Errorf("%d points arrived, %d were sent", got, n)
	}
	var sum float64
	for _, series := range srv.Query(`SELECT sum("v") FROM "m"`) {
		v, err := series.Values[0][1].(json.Number).Float64()
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	if sum != n*(n-1)/2 {
		t.Errorf("the values add up to %g", sum)
	}
	if c := counts(t, o); c.Sent != n || c.Dropped != 0 || c.Quarantined != 0 {
		t.Errorf("%+v", c)
	}

	t.Run("bad points are set aside", func(t *testing.T) {
		rows, err := Messages(
			Point{"m", map[string]string{"kind": "good"}, map[string]float64{"v": 1}, t0.Add(-time.Second)},
			Point{"m", map[string]string{"kind": "good"}, map[string]float64{"v": 2}, t0.Add(-2 * time.Second)},
		)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows,
			store.Message{Channel: store.Influx, Key: "a type that changed", Payload: fmt.Appendf(nil, "m,kind=good v=\"text\" %d", t0.UnixNano()), At: t0},
			store.Message{Channel: store.Influx, Key: "no line at all", Payload: []byte("rubbish"), At: t0})
		if err := s.Commit(context.Background(), store.Batch{Outbox: rows}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
		if c := counts(t, o); c.Quarantined != 2 || srv.Count("m", "v") != n+2 {
			t.Errorf("%+v, %d points", c, srv.Count("m", "v"))
		}
		q, err := o.Quarantined(context.Background(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range q {
			t.Logf("%s: %s", m.Key, m.Reason)
		}
	})
	t.Run("a point that cannot be placed does not stop those behind it", func(t *testing.T) {
		add(t, s, n, 1)
		rows := []store.Message{{Channel: store.Influx, Key: "alone", Payload: []byte("rubbish"), At: t0}}
		eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
		if err := s.Commit(context.Background(), store.Batch{Outbox: rows}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
		if c := counts(t, o); c.Quarantined != 3 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("names arrive as they are", func(t *testing.T) {
		rows, err := Messages(Point{"my load,=", map[string]string{"a b": `Ω, x=1 "q"`}, map[string]float64{"f g": 1e21, "h": -1e-9}, t0})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(context.Background(), store.Batch{Outbox: rows}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
		got := srv.Query(`SELECT * FROM "my load,=" GROUP BY *`)
		if len(got) != 1 || got[0].Tags["a b"] != `Ω, x=1 "q"` || len(got[0].Columns) != 3 {
			t.Fatalf("%+v", got)
		}
		if v, _ := got[0].Values[0][1].(json.Number).Float64(); v != 1e21 {
			t.Errorf("%v", got[0].Values)
		}
		if at, _ := got[0].Values[0][0].(json.Number).Int64(); at != t0.UnixNano() {
			t.Errorf("%v", got[0].Values)
		}
	})
	t.Run("hours without supply by feeder", func(t *testing.T) { queriesOfFeeders(t, srv) })
	stop()

	t.Run("wrong password", func(t *testing.T) {
		_, o := outbox(t, 2)
		f := forwarder(t, srv.URL, o, Config{Bucket: srv.Bucket, Token: func() (string, error) { return "keeplit:wrong", nil }, Drain: time.Millisecond})
		run(t, f)
		eventually(t, "the refusal", func() bool { return !f.State().OK })
		t.Log(f.State().LastError)
		if c := counts(t, o); c.Pending != 2 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("no such database", func(t *testing.T) {
		_, o := outbox(t, 2)
		f := forwarder(t, srv.URL, o, Config{Bucket: "nosuch/autogen", Token: token, Drain: time.Millisecond})
		run(t, f)
		eventually(t, "the refusal", func() bool { return !f.State().OK })
		t.Log(f.State().LastError)
		if c := counts(t, o); c.Pending != 2 {
			t.Errorf("%+v", c)
		}
	})
}
