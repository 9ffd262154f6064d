package web

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// exposition is the Prometheus text format under way.
type exposition struct{ bytes.Buffer }

// family begins a metric; its samples follow.
func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample is one value of the family begun last; labels are name, value, name, value.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.WriteString(name)
	if len(labels) > 0 {
		esc := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
		e.WriteByte('{')
		for i := 0; i+1 < len(labels); i += 2 {
			if i > 0 {
				e.WriteByte(',')
			}
			e.WriteString(labels[i] + `="` + esc.Replace(strings.ToValidUTF8(labels[i+1], "?")) + `"`)
		}
		e.WriteByte('}')
	}
	e.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

func (e *exposition) gauge(name, help string, value float64, labels ...string) {
	e.family(name, "gauge", help)
	e.sample(name, value, labels...)
}

func (e *exposition) counter(name, help string, value float64, labels ...string) {
	e.family(name, "counter", help)
	e.sample(name, value, labels...)
}

// metrics writes the Prometheus text format: base units, what only grows as _total.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	var e exposition
	e.gauge("keeplit_build_info", "Version of the agent.", 1, "version", v.System.Version)
	e.gauge("go_goroutines", "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	e.gauge("keeplit_view_timestamp_seconds", "The agent's time.", unix(v.At))
	if !v.System.Started.IsZero() {
		e.gauge("keeplit_start_time_seconds", "When the agent was started.", unix(v.System.Started))
	}
	e.meter(&v)
	e.account(&v)
	e.supply(&v)
	e.plan(&v)
	e.loads(&v)
	e.warnings(&v)
	e.system(&v)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, r, e.Bytes())
}

// meter is power and energy.
func (e *exposition) meter(v *picture.View) {
	if v.Power.Live() {
		e.gauge("keeplit_power_watts", "Power at the meter; negative is export.", v.Power.Power.W())
		e.gauge("keeplit_power_derived", "1 where the power is worked out from the meter's register.", flag(v.Power.Derived))
	}
	if v.Power.Limit > 0 {
		e.gauge("keeplit_power_limit_watts", "Power that may be drawn now.", v.Power.Limit.W())
	}
	if !v.System.Meter.LastAt.IsZero() {
		e.gauge("keeplit_meter_age_seconds", "Age of the last reading.", v.At.Sub(v.System.Meter.LastAt).Seconds())
	}
	if t := v.Totals; t != nil && t.Kept.Counted {
		e.counter("keeplit_import_joules_total", "Energy used, over all meters, as it is stored.", joules(t.Kept.Import))
		e.counter("keeplit_export_joules_total", "Energy sold, over all meters, as it is stored.", joules(t.Kept.Export))
	}
}

// account is the credit and what it was spent for.
func (e *exposition) account(v *picture.View) {
	unit := v.UnitCode()
	e.gauge("keeplit_balance", "Credit in the account's unit.", v.Credit.Balance.Float(), "unit", unit)
	e.gauge("keeplit_debt", "What is owed besides, in the account's unit.", v.Credit.Debt.Float(), "unit", unit)
	if t := v.Totals; t != nil {
		e.family("keeplit_charged_total", "counter", "What was charged, in the account's unit, by the kind of the charge.")
		for _, kind := range slices.Sorted(maps.Keys(t.Charged)) {
			e.sample("keeplit_charged_total", t.Charged[kind].Float(), "currency", unit, "kind", string(kind))
		}
		e.counter("keeplit_earned_total", "What energy sold has earned, and refunds.", t.Earned.Float(), "currency", unit)
		e.counter("keeplit_bought_total", "Top-ups.", t.Bought.Float(), "currency", unit)
	}
	if out := v.RunOut; out.Known {
		e.family("keeplit_run_out_seconds", "gauge", "Time until the credit ends: in one future of ten, in half of them, in nine of ten.")
		for _, f := range []struct {
			name string
			at   time.Time
		}{{"p10", out.Early}, {"p50", out.At}, {"p90", out.Late}} {
			if !f.at.IsZero() {
				e.sample("keeplit_run_out_seconds", max(0, f.at.Sub(v.At)).Seconds(), "future", f.name)
			}
		}
		e.gauge("keeplit_run_out_beyond", "1 where the credit outlasts the forecast, so that keeplit_run_out_seconds is the least.", flag(out.Beyond))
	}
	if v.Tariff.Known {
		e.gauge("keeplit_price_per_kwh", "Price of the next kWh.", v.Tariff.Price.Float(), "currency", unit)
	}
}

// supply is whether there is power.
func (e *exposition) supply(v *picture.View) {
	e.gauge("keeplit_supply_connected", "1 where the supply is on, or nothing can switch it.", flag(v.Supply.State == present.Connected || v.Supply.State == present.Unswitched))
	e.family("keeplit_supply_state", "gauge", "1 of the state that the supply is in.")
	for _, s := range []present.SupplyState{present.Connected, present.Disconnected, present.Ready, present.Unknown, present.Unswitched} {
		e.sample("keeplit_supply_state", flag(v.Supply.State == s), "state", string(s))
	}
	e.family("keeplit_supply_cause", "gauge", "1 of the cause for which the supply is off.")
	for _, c := range []present.SupplyCause{present.ByCredit, present.ByOverload, present.ByUtility, present.ByTamper, present.ByCustomer, present.ByFault} {
		e.sample("keeplit_supply_cause", flag(v.Supply.Cause == c), "cause", string(c))
	}
}

func (e *exposition) plan(v *picture.View) {
	if v.Plan.MadeAt.IsZero() {
		return
	}
	e.gauge("keeplit_plan_age_seconds", "Age of the plan in force.", v.At.Sub(v.Plan.MadeAt).Seconds())
	e.gauge("keeplit_solve_seconds", "Time the last plan took to make.", v.Plan.SolveTime.Seconds())
}

func (e *exposition) loads(v *picture.View) {
	e.family("keeplit_load_power_watts", "gauge", "Power of a load, where it is measured.")
	for _, l := range v.Loads {
		if !l.Rated {
			e.sample("keeplit_load_power_watts", l.Power.W(), "load", l.ID)
		}
	}
	e.family("keeplit_load_on", "gauge", "1 where the load is on, as far as is known.")
	for _, l := range v.Loads {
		e.sample("keeplit_load_on", flag(l.On), "load", l.ID)
	}
	if t := v.Totals; t != nil && len(t.Kept.Loads) == len(v.Loads) && len(v.Loads) > 0 {
		e.family("keeplit_load_energy_joules_total", "counter", "Energy that a load has used, as it is stored.")
		for i, l := range v.Loads {
			e.sample("keeplit_load_energy_joules_total", joules(t.Kept.Loads[i]), "load", l.ID)
		}
	}
}

// warnings are told by code: a subject is often a sender's own word.
func (e *exposition) warnings(v *picture.View) {
	e.family("keeplit_warnings", "gauge", "Warnings in force.")
	for _, sev := range []picture.Severity{picture.Info, picture.Caution, picture.Critical} {
		n := 0
		for _, x := range v.Warnings {
			if x.Severity == sev {
				n++
			}
		}
		e.sample("keeplit_warnings", float64(n), "severity", string(sev))
	}
	type kind struct{ code, severity string }
	count := map[kind]int{}
	for _, x := range v.Warnings {
		count[kind{x.Code, x.Grade.String()}]++
	}
	if len(count) == 0 {
		return
	}
	e.family("keeplit_warning", "gauge", "Warnings in force of a code.")
	for _, k := range slices.SortedFunc(maps.Keys(count), func(a, b kind) int { return strings.Compare(a.code+a.severity, b.code+b.severity) }) {
		e.sample("keeplit_warning", float64(count[k]), "code", k.code, "severity", k.severity)
	}
}

// system is the agent itself and what it talks to.
func (e *exposition) system(v *picture.View) {
	e.family("keeplit_link_up", "gauge", "1 where what the agent talks to answers.")
	for _, l := range []struct {
		name string
		link picture.Link
	}{{"meter", v.System.Meter}, {"broker", v.System.Broker}, {"influxdb", v.System.Telemetry}} {
		if l.link.Name != "" {
			e.sample("keeplit_link_up", flag(l.link.Freshness == picture.Fresh || l.link.Freshness == picture.Stale), "link", l.name)
		}
	}
	e.gauge("keeplit_outbox_rows", "Points that wait to be sent.", float64(v.System.Outbox.Rows))
	e.counter("keeplit_outbox_dropped_total", "Points given up by the cap.", float64(v.System.Outbox.Dropped))
	e.counter("keeplit_outbox_quarantined_total", "Points the server refused.", float64(v.System.Outbox.Quarantined))
	e.counter("keeplit_ledger_entries_total", "Number of the newest ledger entry.", float64(v.System.LedgerSeq))
	if v.System.DiskFree >= 0 {
		e.gauge("keeplit_disk_free_bytes", "Free space beside the store.", float64(v.System.DiskFree))
	}
}

func joules(e units.Energy) float64 { return e.KWh() * 3.6e6 }

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
