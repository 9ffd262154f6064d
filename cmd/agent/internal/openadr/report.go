package openadr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/durable"
)

// What is reported.
const (
	Usage         = "USAGE"
	UsageForecast = "USAGE_FORECAST"
	LoadShed      = "LOAD_SHED_DELTA_AVAILABLE"
)

// Used is what was drawn in a time.
type Used struct {
	KWh     float64
	Covered time.Duration // so long of it was measured
}

// Data is what reports are made of.
type Data interface {
	// Shares tells whether a type of report may leave the home.
	Shares(report string) bool
	Used(ctx context.Context, from, to time.Time) (Used, error)
	// Expects are the energies below which 10, 50 and 90 of 100 futures stay; ok is false where
	// the plan does not reach.
	Expects(ctx context.Context, from, to time.Time) (kwh [3]float64, ok bool)
	// Sheds is the mean power, in kW, that could be held off.
	Sheds(from, to time.Time) (kw float64, ok bool)
}

// settles is how long after its end what was used in an interval is known.
const settles = 2 * time.Minute

// ahead is how far ahead intervals are looked at, and adHoc how often reports are sent that
// may be sent at any time.
const (
	ahead = 7 * 24 * time.Hour
	adHoc = time.Hour
	// mostCounted is more than a report or an event has of anything.
	mostCounted = 1 << 20
	// mostAtOnce is how many reports are sent after one look at the events; the rest comes after
	// the next.
	mostAtOnce = 16
	// farOff is beyond every event.
	farOff = 10 * 366 * 24 * time.Hour
)

// due is a report that is to be sent.
type due struct {
	n      int // of its kind, from 0
	places []policy.Interval
}

// dues is the report of a descriptor that is to be sent now: the last one whose time has come
// after that of number last.  What was to be sent while nobody could is not sent late, but for
// the last.
func dues(e policy.VTNEvent, d policy.ReportDescriptor, first, now time.Time, last int) (due, bool) {
	number := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		return min(max(*p, -1), mostCounted)
	}
	start, count, frequency, repeat := number(d.StartInterval, -1), number(d.NumIntervals, -1), number(d.Frequency, -1), number(d.Repeat, 1)
	back := (d.Historical == nil || *d.Historical) && d.PayloadType == Usage
	issued := e.Issued(first)
	places := e.Places(issued, now.Add(-ahead), now.Add(ahead))
	if len(places) == 0 && frequency != 0 && len(e.Places(issued, now, now.Add(farOff))) > 0 {
		return due{}, false // its time has not come
	}
	if frequency == 0 || len(places) == 0 {
		// At any time: each hour, of the hour that is over or the one that comes.
		hour := now.UTC().Truncate(adHoc)
		n := int(hour.Unix() / int64(adHoc/time.Second))
		if back {
			hour = hour.Add(-adHoc)
		}
		return due{n, []policy.Interval{{Start: hour, End: hour.Add(adHoc)}}}, n > last && !over(places, now)
	}
	all, base := len(places), 0
	if len(places) > 0 {
		base = places[0].N
	}
	if len(e.ADREvent.Intervals) > 0 {
		all = min(all, len(e.ADREvent.Intervals)) // of a round
	}
	if count < 1 {
		count = all
	}
	if frequency < 0 {
		frequency = count
	}
	out, found := due{}, false
	for n := last + 1; repeat < 0 || n < repeat; n++ {
		from, at := 0, time.Time{} // the first interval of the report, and when it is due
		switch {
		case !back && start < 0:
			from = n * frequency
		case !back:
			from = start + n*frequency
		case start < 0:
			from = max(0, all-count) + n*frequency
		case start+1 >= count:
			from = start + 1 - count + n*frequency
		default: // that many have not been before it: those that follow
			from = start + n*frequency
		}
		if from -= base; from < 0 && base > 0 {
			n += (-from - 1) / frequency // too long ago
			continue
		}
		if from < 0 || from >= len(places) {
			break
		}
		of := places[from:min(from+count, len(places))]
		switch {
		case back:
			at = of[len(of)-1].End.Add(settles)
		case n == 0:
			at = now // what is expected is said before it begins
			if of[0].Start.After(now.Add(24 * time.Hour)) {
				at = of[0].Start.Add(-24 * time.Hour)
			}
		default:
			at = of[0].Start
		}
		if at.After(now) {
			break
		}
		if !back && !of[len(of)-1].End.After(now) {
			out.n = n // of a time that has passed: nothing is to be said any more
			found = false
			continue
		}
		out, found = due{n, slices.Clone(of)}, true
	}
	return out, found
}

func over(places []policy.Interval, now time.Time) bool {
	return len(places) > 0 && !places[len(places)-1].End.After(now)
}

// sent is which reports were sent, by event and descriptor; it is kept in a file.
type sent struct {
	file string
	Last map[string]int       `json:"last"`
	Seen map[string]time.Time `json:"seen"` // events, by when they were first seen
}

func readSent(file string) (*sent, error) {
	s := &sent{file: file, Last: map[string]int{}, Seen: map[string]time.Time{}}
	if file == "" {
		return s, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if s.Last == nil || s.Seen == nil {
		s.Last, s.Seen = map[string]int{}, map[string]time.Time{}
	}
	return s, err
}

func (s *sent) keep() error {
	if s.file == "" {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.file, text)
}

// forget forgets events that are not listed any more.
func (s *sent) forget(listed map[string]bool) (any bool) {
	n := len(s.Last) + len(s.Seen)
	maps.DeleteFunc(s.Seen, func(id string, _ time.Time) bool { return !listed[id] })
	maps.DeleteFunc(s.Last, func(key string, _ int) bool { id, _, _ := strings.Cut(key, " "); return !listed[id] })
	return n != len(s.Last)+len(s.Seen)
}

// mostDescriptors is how many reports one event may ask for.
const mostDescriptors = 8

// report sends the reports that are due.  One that the server does not take is not sent again:
// it has said why.
func (v *VEN) report(ctx context.Context, events [][]byte) error {
	now := v.site.Now()
	listed := map[string]bool{}
	changed, made := false, 0
	var failed error
	for _, text := range events {
		e, err := policy.ReadVTNEvent(text)
		if err != nil || len(listed) >= policy.MostListed {
			continue
		}
		listed[e.ID] = true
		if len(e.Reports) == 0 {
			continue
		}
		first, known := v.sent.Seen[e.ID]
		if !known {
			first, changed = now, true
			v.sent.Seen[e.ID] = now
		}
		for i, d := range e.Reports[:min(len(e.Reports), mostDescriptors)] {
			key := e.ID + " " + strconv.Itoa(i) + " " + fmt.Sprintf("%.40s", d.PayloadType)
			last, before := v.sent.Last[key]
			if !before {
				last = -1
			}
			if !slices.Contains([]string{Usage, UsageForecast, LoadShed}, d.PayloadType) || !v.site.Shares(d.PayloadType) {
				if !before {
					v.cfg.Log.Info("openadr: a report is asked for that is not sent", "event", e.ID, "report", fmt.Sprintf("%.40q", d.PayloadType), "shared", v.site.Shares(d.PayloadType))
					v.sent.Last[key], changed = math.MaxInt32, true
				}
				continue
			}
			if failed != nil || made >= mostAtOnce {
				continue
			}
			x, ok := dues(e, d, first, now, last)
			if !ok {
				continue
			}
			made++
			all, err := v.reports(ctx, e, d, x)
			if err != nil {
				failed = err
				continue
			}
			for _, r := range all {
				if _, err := v.client.post(ctx, "reports", r); isStatus(err, http.StatusBadRequest) || isStatus(err, http.StatusConflict) || isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotFound) {
					v.cfg.Log.Warn("openadr: the server does not take a report", "event", e.ID, "report", d.PayloadType, "error", err)
				} else if err != nil {
					failed = err
				}
			}
			if failed == nil && len(all) > 0 {
				v.sent.Last[key], changed = x.n, true
			}
		}
	}
	if v.sent.forget(listed) || changed {
		if err := v.sent.keep(); err != nil {
			v.cfg.Log.Warn("openadr: which reports were sent could not be written down", "error", err)
		}
	}
	return failed
}

// Wire forms of a report.
type (
	wireReport struct {
		EventID     string           `json:"eventID"`
		ClientName  string           `json:"clientName"`
		ReportName  string           `json:"reportName"`
		Descriptors []wireDescriptor `json:"payloadDescriptors"`
		Resources   []wireResource   `json:"resources"`
	}
	wireDescriptor struct {
		ObjectType  string `json:"objectType"`
		PayloadType string `json:"payloadType"`
		ReadingType string `json:"readingType,omitempty"`
		Units       string `json:"units,omitempty"`
		Confidence  *int   `json:"confidence,omitempty"`
	}
	wireResource struct {
		Name      string         `json:"resourceName"`
		Intervals []wireInterval `json:"intervals"`
	}
	wireInterval struct {
		ID       int32         `json:"id"`
		Period   wirePeriod    `json:"intervalPeriod"`
		Payloads []wirePayload `json:"payloads"`
	}
	wirePeriod struct {
		Start    string `json:"start"`
		Duration string `json:"duration"`
	}
	wirePayload struct {
		Type   string `json:"type"`
		Values []any  `json:"values"`
	}
)

// quality is the type of the payload that says how far a value can be believed.
const quality = "DATA_QUALITY"

// reports are what is sent for one descriptor: one report, or of a forecast one for each
// quantile, for the standard gives a report's values one confidence.
func (v *VEN) reports(ctx context.Context, e policy.VTNEvent, d policy.ReportDescriptor, x due) ([]wireReport, error) {
	like := wireReport{EventID: e.ID, ClientName: v.cfg.VEN}
	name := v.cfg.VEN
	if d.Aggregate {
		name = "AGGREGATED_REPORT"
	}
	build := func(title, reading, units string, confidence *int, value func(p policy.Interval) ([]wirePayload, error)) (wireReport, error) {
		r := like
		r.ReportName = title
		r.Descriptors = []wireDescriptor{{"REPORT_PAYLOAD_DESCRIPTOR", d.PayloadType, reading, units, confidence}}
		res := wireResource{Name: name}
		for _, p := range x.places {
			payloads, err := value(p)
			if err != nil {
				return r, err
			}
			if payloads != nil {
				res.Intervals = append(res.Intervals, wireInterval{p.ID, wirePeriod{p.Start.UTC().Format(time.RFC3339), iso(p.End.Sub(p.Start))}, payloads})
			}
		}
		r.Resources = []wireResource{res}
		return r, nil
	}
	of := func(x float64) []any { return []any{math.Round(x*1000) / 1000} }
	back := d.Historical == nil || *d.Historical
	switch {
	case d.PayloadType == Usage && back:
		r, err := build("usage", "DIRECT_READ", "KWH", nil, func(p policy.Interval) ([]wirePayload, error) {
			u, err := v.site.Used(ctx, p.Start, p.End)
			switch whole := p.End.Sub(p.Start); {
			case err != nil:
				return nil, err
			case u.Covered <= 0:
				return []wirePayload{{quality, []any{"MISSING"}}}, nil
			case u.Covered < whole-time.Second:
				return []wirePayload{{Usage, of(u.KWh)}, {quality, []any{"ESTIMATED"}}}, nil
			default:
				return []wirePayload{{Usage, of(u.KWh)}}, nil
			}
		})
		return []wireReport{r}, err
	case d.PayloadType == LoadShed:
		r, err := build("load shed", "FORECAST", "KW", nil, func(p policy.Interval) ([]wirePayload, error) {
			kw, ok := v.site.Sheds(p.Start, p.End)
			if !ok {
				return nil, nil
			}
			return []wirePayload{{LoadShed, of(kw)}}, nil
		})
		return some(r), err
	}
	var out []wireReport
	for i, share := range []int{10, 50, 90} {
		if d.PayloadType == Usage && share != 50 {
			continue // the standard's example of a forecast by USAGE has one value
		}
		r, err := build(fmt.Sprintf("usage forecast: %d of 100 futures stay below", share), "FORECAST", "KWH", &share, func(p policy.Interval) ([]wirePayload, error) {
			kwh, ok := v.site.Expects(ctx, p.Start, p.End)
			if !ok {
				return nil, nil
			}
			return []wirePayload{{d.PayloadType, of(kwh[i])}}, nil
		})
		if err != nil {
			return nil, err
		}
		out = append(out, some(r)...)
	}
	return out, nil
}

// some is a report that says something; none where there is no plan that reaches so far.
func some(r wireReport) []wireReport {
	if len(r.Resources[0].Intervals) == 0 {
		return nil
	}
	return []wireReport{r}
}

// iso writes a duration as ISO 8601 does.
func iso(d time.Duration) string {
	s := int64(d / time.Second)
	out := "PT"
	if h := s / 3600; h > 0 {
		out += strconv.FormatInt(h, 10) + "H"
	}
	if m := s / 60 % 60; m > 0 {
		out += strconv.FormatInt(m, 10) + "M"
	}
	if s%60 > 0 || s < 60 {
		out += strconv.FormatInt(s%60, 10) + "S"
	}
	return out
}
