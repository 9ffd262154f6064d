package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// reported has a home live for a day and a half, with a sag of the voltage, a meter that does not
// tell its power for a while, credit that is spent, and a top-up, and sends all of it to InfluxDB.
func reported(t *testing.T, srv *testservers.Influx) (from, to time.Time) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(srv.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	h := aHome(t, fmt.Sprintf("influxdb: {url: %q, bucket: %s, token: {file: %s}}\ntelemetry: {every: 1m}\n", srv.URL, srv.Bucket, file))
	from = h.s.Plant().Now()
	live := func(d time.Duration, volts units.Voltage, power bool) {
		for end := h.s.Plant().Now().Add(d); h.s.Plant().Now().Before(end); {
			r := h.s.Plant().Advance(h.s.Plant().Now().Add(2 * time.Minute))
			r.Sample.Has |= metering.HasVoltage | metering.HasFrequency
			r.Sample.Voltage, r.Sample.Frequency = volts, 50_000
			if !power {
				r.Sample.Has &^= metering.HasPower
			}
			h.feed(control.Input{What: control.Reading(r)})
		}
	}
	const good = 230_000
	live(6*time.Hour, good, true)
	live(10*time.Minute, 150_000, true)
	live(time.Hour, good, false)
	h.request(control.RunLoad, "geyser")
	live(22*time.Hour, good, true)
	h.byMQTT(h.token(20 * units.One))
	live(time.Hour, good, true)
	h.balance(-3 * units.One)
	live(2*time.Hour, good, true)
	h.feed(control.Input{})
	to = h.s.Plant().Now()
	f, err := telemetry.New(telemetry.Config{
		URL: srv.URL, Bucket: srv.Bucket, Token: func() (string, error) { return srv.Token, nil }, Site: "words", Every: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}, h.s.Records().Outbox(store.Influx))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	for late := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		counts, err := h.s.Records().Outbox(store.Influx).Counts(t.Context())
		if err != nil || time.Now().After(late) {
			t.Fatal(counts, err)
		}
		if counts.Pending == 0 {
			if counts.Sent < 500 || counts.Quarantined > 0 {
				t.Fatalf("%+v", counts)
			}
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return from, to
}

// Each query of each board asks for what the agent really writes, and has an answer.
func TestEveryQueryOfEveryBoardHasAnAnswer(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	srv := testservers.StartInflux(t)
	from, to := reported(t, srv)
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "grafana", "boards", "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	filter := fmt.Sprintf("time >= %d AND time <= %d", from.UnixNano(), to.UnixNano())
	fill := strings.NewReplacer("$timeFilter", filter, "$__interval", "5m", "$site", "words")
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "telemetry.md"))
	if err != nil {
		t.Fatal(err)
	}
	uids := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			UID, Title string
			Templating struct {
				List []struct{ Name, Query string }
			}
			Panels []struct {
				ID      int
				Type    string
				Title   string
				GridPos struct{ X, Y, W, H int }
				Targets []struct {
					Query      string
					Datasource struct{ UID string }
				}
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if uids[board.UID] || board.UID == "" {
			t.Errorf("%s: the uid %q is that of another", file, board.UID)
		}
		uids[board.UID] = true
		queries, ids := 0, map[int]bool{}
		for _, v := range board.Templating.List {
			if len(srv.Query(v.Query)) == 0 {
				t.Errorf("%s: the variable %s has no value", board.Title, v.Name)
			}
		}
		for _, p := range board.Panels {
			if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: %s lies badly", board.Title, p.Title)
			}
			ids[p.ID] = true
			for _, q := range p.Targets {
				queries++
				if q.Datasource.UID != "keeplit" {
					t.Errorf("%s, %s: it asks %q", board.Title, p.Title, q.Datasource.UID)
				}
				asked := fill.Replace(q.Query)
				if strings.Contains(strings.ReplaceAll(asked, "$/", ""), "$") {
					t.Errorf("%s, %s: %s has a variable of nobody", board.Title, p.Title, asked)
				}
				if !answered(srv.Query(asked)) {
					t.Errorf("%s, %s: no rows for %s", board.Title, p.Title, asked)
				}
				for _, m := range regexp.MustCompile(`FROM "([a-z_]+)"`).FindAllStringSubmatch(q.Query, -1) {
					if !strings.Contains(string(doc), "| `"+m[1]+"` |") {
						t.Errorf("%s: docs/telemetry.md has no measurement %s", board.Title, m[1])
					}
				}
			}
		}
		if queries < 12 {
			t.Errorf("%s has %d queries", board.Title, queries)
		}
	}
	documented(t, srv, string(doc))
}

func answered(all []testservers.Series) bool {
	for _, s := range all {
		for _, row := range s.Values {
			for _, v := range row[1:] {
				if v != nil {
					return true
				}
			}
		}
	}
	return false
}

// documented holds what InfluxDB has been told of against the document.
func documented(t *testing.T, srv *testservers.Influx, doc string) {
	t.Helper()
	_, table, _ := strings.Cut(doc, "| measurement |")
	table, _, _ = strings.Cut(table, "### The outbox")
	fields, tags := map[string]string{}, map[string]string{}
	measurement := ""
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || strings.Contains(line, "---") {
			continue
		}
		if m := strings.Trim(cells[1], " `"); m != "" {
			measurement = m
			tags[m] = cells[2]
		}
		fields[measurement] += cells[3]
	}
	seen := 0
	for _, s := range srv.Query("SHOW FIELD KEYS") {
		for _, row := range s.Values {
			seen++
			if !strings.Contains(fields[s.Name], "`"+row[0].(string)+"`") {
				t.Errorf("docs/telemetry.md lacks the field %s of %s", row[0], s.Name)
			}
			if row[1] != "float" {
				t.Errorf("%s of %s is a %s", row[0], s.Name, row[1])
			}
		}
	}
	for _, s := range srv.Query("SHOW TAG KEYS") {
		for _, row := range s.Values {
			if !strings.Contains(tags[s.Name], "`"+row[0].(string)+"`") {
				t.Errorf("docs/telemetry.md lacks the tag %s of %s", row[0], s.Name)
			}
		}
	}
	if seen < 25 {
		t.Errorf("%d fields were written", seen)
	}
}
