package web

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// healthz answers a container's or a supervisor's question: is the process
// serving, is the control loop alive, and does the storage take what it must?  A house without power or credit is
// no reason to restart the agent, so it is not asked here.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if quiet := time.Since(time.Unix(0, s.lastNews.Load())); quiet > stallAfter {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "the control loop has been silent for %s\n", quiet.Round(time.Second))
		return
	}
	if s.cfg.Behind != nil {
		if since := s.cfg.Behind(); !since.IsZero() && time.Since(since) > s.cfg.Patience {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "nothing could be stored for %s\n", time.Since(since).Round(time.Second))
			return
		}
	}
	writeBody(w, r, []byte("ok\n"))
}

// metrics writes the Prometheus text format.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	var b bytes.Buffer
	put := func(name, kind, help string, value float64, labels ...string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		sample(&b, name, value, labels...)
	}
	put("keeplit_build_info", "gauge", "Version of the agent.", 1, "version", v.System.Version)
	put("go_goroutines", "gauge", "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	put("keeplit_view_timestamp_seconds", "gauge", "The agent's time.", unix(v.At))
	if v.Power.Live() {
		put("keeplit_power_watts", "gauge", "Power at the meter; negative is export.", v.Power.Power.W())
		put("keeplit_power_derived", "gauge", "1 where the power is worked out from the meter's register.", flag(v.Power.Derived))
	}
	if !v.System.Meter.LastAt.IsZero() {
		put("keeplit_meter_age_seconds", "gauge", "Age of the last reading.", v.At.Sub(v.System.Meter.LastAt).Seconds())
	}
	put("keeplit_balance", "gauge", "Credit in the account's unit.", v.Credit.Balance.Float(), "unit", v.UnitCode())
	if v.RunOut.Known {
		put("keeplit_run_out_hours", "gauge", "Median time until the credit ends.", v.Left().Hours())
	}
	put("keeplit_supply_connected", "gauge", "1 where the supply is on, or nothing can switch it.", flag(v.Supply.State == present.Connected || v.Supply.State == present.Unswitched))
	if v.Tariff.Known {
		put("keeplit_price", "gauge", "Price of the next kWh.", v.Tariff.Price.Float(), "unit", v.UnitCode())
	}
	if !v.Plan.MadeAt.IsZero() {
		put("keeplit_plan_age_seconds", "gauge", "Age of the plan in force.", v.At.Sub(v.Plan.MadeAt).Seconds())
		put("keeplit_solve_seconds", "gauge", "Time the last plan took to make.", v.Plan.SolveTime.Seconds())
	}
	fmt.Fprint(&b, "# HELP keeplit_load_power_watts Power of a load.\n# TYPE keeplit_load_power_watts gauge\n")
	for _, l := range v.Loads {
		if !l.Rated {
			sample(&b, "keeplit_load_power_watts", l.Power.W(), "load", l.ID)
		}
	}
	fmt.Fprint(&b, "# HELP keeplit_warnings Warnings in force.\n# TYPE keeplit_warnings gauge\n")
	for _, sev := range []picture.Severity{picture.Info, picture.Caution, picture.Critical} {
		n := 0
		for _, x := range v.Warnings {
			if x.Severity == sev {
				n++
			}
		}
		sample(&b, "keeplit_warnings", float64(n), "severity", string(sev))
	}
	put("keeplit_outbox_rows", "gauge", "Points that wait to be sent.", float64(v.System.Outbox.Rows))
	put("keeplit_outbox_dropped_total", "counter", "Points given up by the cap.", float64(v.System.Outbox.Dropped))
	put("keeplit_outbox_quarantined_total", "counter", "Points the server refused.", float64(v.System.Outbox.Quarantined))
	put("keeplit_ledger_seq", "counter", "Number of the newest ledger entry.", float64(v.System.LedgerSeq))
	if v.System.DiskFree >= 0 {
		put("keeplit_disk_free_bytes", "gauge", "Free space beside the store.", float64(v.System.DiskFree))
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, r, b.Bytes())
}

func sample(b *bytes.Buffer, name string, value float64, labels ...string) {
	b.WriteString(name)
	if len(labels) > 0 {
		esc := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
		b.WriteByte('{')
		for i := 0; i+1 < len(labels); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(labels[i] + `="` + esc.Replace(labels[i+1]) + `"`)
		}
		b.WriteByte('}')
	}
	b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
