package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

const planAhead = 24 * time.Hour

// planWindow is the part of the plan that is shown: the next 24 h.
func (m *model) planWindow() (from, to int) {
	slots := m.V.Plan.Slots
	for from < len(slots) && !slots[from].Slot.End().After(m.V.At) {
		from++
	}
	to = from
	for to < len(slots) && slots[to].Slot.Start.Before(m.V.At.Add(planAhead)) {
		to++
	}
	return from, to
}

// HasPlan tells whether there is anything to show.
func (m *model) HasPlan() bool { from, to := m.planWindow(); return to > from }

// planLoads are the loads that run in the window.
func (m *model) planLoads(from, to int) []picture.PlanLoad {
	var out []picture.PlanLoad
	for _, l := range m.V.Plan.Loads {
		if len(l.Power) >= to && slices.ContainsFunc(l.Power[from:to], func(p units.Power) bool { return p > 0 }) {
			out = append(out, l)
		}
	}
	return out
}

// ShowLimit tells whether the site's limit comes near enough to what is
// expected to be drawn; a limit far above would press everything else flat.
func (m *model) ShowLimit() bool {
	from, to := m.planWindow()
	var top, limit units.Power
	for i, s := range m.V.Plan.Slots[from:to] {
		sum := units.Power(0)
		for _, l := range m.V.Plan.Loads {
			if len(l.Power) >= to {
				sum += l.Power[from+i]
			}
		}
		top = max(top, s.High, sum)
		if s.Limit > 0 && (limit == 0 || s.Limit < limit) {
			limit = s.Limit
		}
	}
	return limit > 0 && limit < top+top/2
}

// legend is a load's name and the colour it has in the chart.
type legend struct {
	Name  string
	Color int // 1 to 6
}

// Legend names the loads drawn.
func (m *model) Legend() []legend {
	from, to := m.planWindow()
	var out []legend
	for i, l := range m.planLoads(from, to) {
		out = append(out, legend{l.Name, i%6 + 1})
	}
	return out
}

// Saving is what the plan saves against running each load at once.
func (m *model) Saving() units.Money { return max(0, m.V.Plan.CostUnshifted-m.V.Plan.Cost) }

// planRow is an hour of the plan for the table.
type planRow struct {
	Time, Price, House string
	Light              string // what a kWh more takes of the credit; "" not known
	Loads              []string
	Cheap              bool
}

// PlanRows are the table twin of the chart, by the hour.
func (m *model) PlanRows() []planRow {
	from, to := m.planWindow()
	slots, loads := m.V.Plan.Slots, m.planLoads(from, to)
	var out []planRow
	for i := from; i < to; {
		j := i + 1
		hour := slots[i].Slot.Start.In(m.Zone).Truncate(time.Hour)
		for j < to && slots[j].Slot.Start.In(m.Zone).Truncate(time.Hour).Equal(hour) {
			j++
		}
		low, high := slots[i].Low, slots[i].High
		p0, p1 := slots[i].Price, slots[i].Price
		for _, s := range slots[i:j] {
			low, high, p0, p1 = min(low, s.Low), max(high, s.High), min(p0, s.Price), max(p1, s.Price)
		}
		row := planRow{Light: m.lightIn(slots[i].Slot.Start, slots[j-1].Slot.End()), Time: m.Clock(slots[i].Slot.Start), Price: m.Price(p0), House: m.powerRange(low, high)}
		if m.Format.Day(slots[i].Slot.Start) != m.Words.T("day.today") && (i == from || slots[i].Slot.Start.In(m.Zone).Hour() == 0) {
			row.Time = m.When(slots[i].Slot.Start)
		}
		if p1 != p0 {
			row.Price = m.Amount(units.Money(p0), max(2, m.Unit.Decimals)) + "\u2013" + m.Price(p1)
		}
		for _, l := range loads {
			var e units.Energy
			for k := i; k < j; k++ {
				e += l.Power[k].Over(slots[k].Slot.Len)
			}
			if e > 0 {
				row.Loads = append(row.Loads, l.Name+" "+m.Energy(e))
			}
		}
		out = append(out, row)
		i = j
	}
	return out
}

// lightIn is what a kWh more takes of the credit where it is used in a stretch; "" where
// that is not known.
func (m *model) lightIn(from, to time.Time) string {
	for _, s := range m.V.Credit.Ahead {
		if s.Sooner > 0 && s.At.Before(to) && !s.At.Before(from) {
			return m.Duration(s.Sooner)
		}
	}
	return ""
}

// LightKnown tells whether it is known of any hour.
func (m *model) LightKnown() bool {
	return slices.ContainsFunc(m.V.Credit.Ahead, func(s picture.Start) bool { return s.Sooner > 0 })
}

func (m *model) powerRange(low, high units.Power) string {
	a, b := m.Number(low.KW(), 1), m.Number(high.KW(), 1)
	if a == b {
		return a + present.NoBreak + "kW"
	}
	return a + "\u2013" + b + present.NoBreak + "kW"
}

// planJSON is the chart's data: columns of equal length, x is the index.
type planJSON struct {
	Labels    []string    `json:"labels"` // local time of each slot's start
	Now       float64     `json:"now"`    // in slots from the first
	PerHour   int         `json:"per_hour"`
	Price     []float64   `json:"price"`
	Low       []float64   `json:"low"`
	Mid       []float64   `json:"mid"`
	High      []float64   `json:"high"`
	Limit     []*float64  `json:"limit"`
	Loads     []chartLoad `json:"loads"`
	PriceUnit string      `json:"price_unit"`
	Texts     chartTexts  `json:"texts"`
}

type chartLoad struct {
	Name string    `json:"name"`
	KW   []float64 `json:"kw"`
}

type chartTexts struct {
	House string `json:"house"`
	Gap   string `json:"gap"`
}

func (s *Server) planData(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	m := s.model(&v, "home")
	from, to := m.planWindow()
	d := planJSON{
		Labels: []string{}, PerHour: 1, PriceUnit: m.PriceUnit(),
		Texts: chartTexts{s.texts.T("plan.house"), s.texts.T("history.gap")},
	}
	limited := m.ShowLimit()
	for i, sl := range v.Plan.Slots[from:to] {
		d.Labels = append(d.Labels, m.Clock(sl.Slot.Start))
		if i == 0 && sl.Slot.Len > 0 {
			d.PerHour = max(1, int(time.Hour/sl.Slot.Len))
			d.Now = float64(v.At.Sub(sl.Slot.Start)) / float64(sl.Slot.Len)
		}
		d.Price = append(d.Price, sl.Price.Float())
		d.Low = append(d.Low, sl.Low.KW())
		d.Mid = append(d.Mid, sl.Mid.KW())
		d.High = append(d.High, sl.High.KW())
		var limit *float64
		if limited && sl.Limit > 0 {
			kw := sl.Limit.KW()
			limit = &kw
		}
		d.Limit = append(d.Limit, limit)
	}
	for _, l := range m.planLoads(from, to) {
		c := chartLoad{Name: l.Name}
		for _, p := range l.Power[from:to] {
			c.KW = append(c.KW, p.KW())
		}
		d.Loads = append(d.Loads, c)
	}
	s.writeJSON(w, r, http.StatusOK, d)
}

// history is use by the hour (of a day) or by the day.
type history struct {
	Bars    []bar
	Hourly  bool
	Monthly bool
	Energy  units.Energy
	Cost    units.Money
	HasGaps bool
	HasHeld bool
	Counted time.Time // up to when use is in it; zero: not known
}

type bar struct {
	Start  time.Time
	Label  string
	Energy units.Energy
	Cost   units.Money
	Gap    bool
	Held   bool
}

// aYear is shown by months.
const aYear = 365

// historyDays is the stretch asked for: 1, 7, 30 or 365 days.
func historyDays(r *http.Request) int {
	switch r.URL.Query().Get("days") {
	case "1":
		return 1
	case "30":
		return 30
	case "365":
		return aYear
	default:
		return 7
	}
}

// history gathers the measured intervals into local hours or days.
func (s *Server) history(ctx context.Context, m *model, n int) (history, error) {
	h := history{Hourly: n == 1}
	start := m.Now.Add(-23 * time.Hour).Truncate(time.Hour)
	if !h.Hourly {
		y, mo, d := m.Now.Date()
		start = units.DayStart(y, mo, d-n+1, m.Zone)
	}
	if m.V.At.IsZero() {
		return h, nil
	}
	if n == aYear {
		return h, s.yearOf(ctx, m, &h)
	}
	points, err := s.agent.History(ctx, start, m.V.At)
	if err != nil {
		return h, err
	}
	for at := start; at.Before(m.V.At); {
		b := bar{Start: at}
		if h.Hourly {
			b.Label = m.Clock(at)
			at = at.Add(time.Hour)
		} else {
			b.Label = m.Weekday(at) + " " + strconv.Itoa(at.In(m.Zone).Day())
			at = units.NextLocalMidnight(at, m.Zone)
		}
		h.Bars = append(h.Bars, b)
	}
	for _, p := range points {
		i, found := slices.BinarySearchFunc(h.Bars, p.Slot.Start, func(b bar, t time.Time) int { return b.Start.Compare(t) })
		if !found {
			i--
		}
		if i < 0 {
			continue
		}
		b := &h.Bars[i]
		b.Energy += p.Energy
		b.Cost += p.Cost
		b.Gap = b.Gap || p.Gap
		b.Held = b.Held || p.Held
		h.Energy += p.Energy
		h.Cost += p.Cost
		h.HasGaps = h.HasGaps || p.Gap
		h.HasHeld = h.HasHeld || p.Held
		h.Counted = p.Slot.End()
	}
	return h, nil
}

// yearOf is history by the billing months, as the ledger has them.
func (s *Server) yearOf(ctx context.Context, m *model, h *history) error {
	months, err := s.agent.Months(ctx, monthsShown)
	for _, span := range slices.Backward(months) {
		b := bar{Start: span.From, Label: m.Words.T("month." + strconv.Itoa(int(span.From.In(m.Zone).Month()))), Energy: span.Energy}
		if !m.V.Unit.Energy {
			b.Cost = span.Charged
		}
		h.Bars = append(h.Bars, b)
		h.Energy += b.Energy
		h.Cost += b.Cost
	}
	h.Monthly = true
	return err
}

func (s *Server) historyData(w http.ResponseWriter, r *http.Request) {
	v := s.agent.View()
	m := s.model(&v, "account")
	h, err := s.history(r.Context(), m, historyDays(r))
	if err != nil {
		s.log.Error("history", "error", err)
		s.writeJSON(w, r, http.StatusServiceUnavailable, map[string]string{"error": s.texts.T("history.failed")})
		return
	}
	type column struct {
		Labels []string   `json:"labels"`
		KWh    []float64  `json:"kwh"`
		Cost   []string   `json:"cost"`
		Gap    []bool     `json:"gap"`
		Texts  chartTexts `json:"texts"`
	}
	d := column{Texts: chartTexts{Gap: s.texts.T("history.gap")}}
	for _, b := range h.Bars {
		d.Labels = append(d.Labels, b.Label)
		d.KWh = append(d.KWh, b.Energy.KWh())
		cost := ""
		if b.Cost != 0 {
			cost = m.Money(b.Cost)
		}
		d.Cost = append(d.Cost, cost)
		d.Gap = append(d.Gap, b.Gap)
	}
	s.writeJSON(w, r, http.StatusOK, d)
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.log.Error("json", "path", r.URL.Path, "error", err)
		http.Error(w, s.texts.T("error.page"), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if takesGzip(r) && len(b) > 1400 { // what fits one packet gains nothing
		if z, err := s.zip(b); err == nil {
			h.Set("Content-Encoding", "gzip")
			b = z
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	writeBody(w, r, b)
}
