package telemetry

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

// queriesOfFeeders runs the queries of docs/telemetry.md against homes of two feeders, of which
// one has been without the agent for half the time: they say hours per customer.
func queriesOfFeeders(t *testing.T, srv *testservers.Influx) {
	text, err := os.ReadFile("../../../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "### Hours without supply")
	_, rest, _ = strings.Cut(rest, "```text\n")
	block, _, _ := strings.Cut(rest, "```")
	queries := strings.Split(strings.TrimSpace(block), "\n")
	if len(queries) != 2 {
		t.Fatalf("%q", queries)
	}
	now := time.Now().UTC().Truncate(time.Hour)
	write := func(home int, feeder string, hours int, credit, utility float64) {
		for h := range hours {
			at := now.Add(-time.Duration(h+1) * time.Hour).Add(time.Duration(home+1) * time.Millisecond)
			srv.Write(fmt.Sprintf("feeder,feeder=%s off_credit_s=%g,off_customer_s=0,off_fault_s=0,off_overload_s=0,off_s=%g,off_tamper_s=0,off_utility_s=%g,off_waits_s=0,seen_s=3600 %d",
				feeder, credit, credit+utility, utility, at.UnixNano()))
		}
	}
	write(1, "north", 24, 900, 0) // a quarter of each hour
	write(2, "north", 24, 0, 0)
	write(3, "south", 24, 0, 360)
	write(4, "south", 12, 0, 0)
	got := map[string]float64{}
	for _, s := range srv.Query(queries[0]) {
		for i, c := range s.Columns[1:] {
			v, err := s.Values[0][i+1].(json.Number).Float64()
			if err != nil {
				t.Fatal(err)
			}
			got[s.Tags["feeder"]+" "+c] = v
		}
	}
	for of, want := range map[string]float64{"north credit": 720.0 / 8, "north utility": 0, "south utility": 720 * 24 * 360.0 / (36 * 3600), "south credit": 0} {
		if math.Abs(got[of]-want) > 1e-6 {
			t.Errorf("%s: %v hours per customer in 30 days, want %v (%v)", of, got[of], want, got)
		}
	}
	homes := map[string]float64{}
	for _, s := range srv.Query(queries[1]) {
		for _, row := range s.Values {
			if n, ok := row[1].(json.Number); ok {
				v, _ := n.Float64()
				homes[s.Tags["feeder"]] = max(homes[s.Tags["feeder"]], v)
			}
		}
	}
	if homes["north"] != 2 || homes["south"] != 2 {
		t.Errorf("homes that were heard: %v", homes)
	}
}
