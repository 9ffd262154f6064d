package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/series"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// historyFlags say how a history file is to be read.
type historyFlags struct {
	Column   string `help:"Header of the column to read; the default is the one whose name has kWh or W in it."`
	Register bool   `help:"The energy is that of a register that counts up; its differences are taken."`
}

// defaultStep is the length of a slot where neither a flag nor the file tells.
const defaultStep = 30 * time.Minute

// forecastHistory is what a history file holds, in order of time.  A year of 5-minute
// slots is 105,000 rows, which is why they are not kept as observations.
type forecastHistory struct {
	step    time.Duration
	load    []reading // kWh, not a number where missing
	weather []reading // degrees Celsius, where there is a column of them
}

type reading struct {
	start   int64 // Unix seconds
	value   float32
	quality forecast.Quality
}

func (r reading) time() time.Time { return time.Unix(r.start, 0).UTC() }

// known tells whether any slot has a value.
func (h *forecastHistory) known() bool {
	return slices.ContainsFunc(h.load, func(r reading) bool { return r.value == r.value })
}

// observation is the i-th.
func (h *forecastHistory) observation(i int) forecast.Observation {
	r := h.load[i]
	o := forecast.Observation{Slot: units.Slot{Start: r.time(), Len: h.step}, Quality: r.quality}
	if r.value != r.value {
		o.Quality = forecast.Missing
	} else {
		o.Energy = units.FromKWh(float64(r.value))
	}
	return o
}

func (h *forecastHistory) observations() []forecast.Observation {
	out := make([]forecast.Observation, len(h.load))
	for i := range out {
		out[i] = h.observation(i)
	}
	return out
}

// end is when the last slot ends, zero where there is none.
func (h *forecastHistory) end() time.Time {
	if len(h.load) == 0 {
		return time.Time{}
	}
	return h.load[len(h.load)-1].time().Add(h.step)
}

// feed gives a forecaster all of it; the error names the row.
func (h *forecastHistory) feed(f *forecast.Forecaster, path string) error {
	for i := range h.load {
		if err := f.Update(h.observation(i)); err != nil {
			return &exitError{exitInvalid, fmt.Errorf("%s: row %d: %w; use --step to say how long its slots are", path, i+1, err)}
		}
	}
	for _, w := range h.weather {
		if err := f.UpdateTemperature(w.time(), float64(w.value)); err != nil {
			return &exitError{exitInvalid, fmt.Errorf("%s: %w", path, err)}
		}
	}
	return nil
}

// readHistory reads a history of slots of the given length, zero for the file's own.
func readHistory(path string, step time.Duration, zone *time.Location, flags historyFlags) (*forecastHistory, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, &exitError{exitFailure, fmt.Errorf("history: %w", err)}
	}
	defer file.Close()
	invalid := func(err error) error { return &exitError{exitInvalid, fmt.Errorf("%s: %w", path, err)} }
	s, err := series.Read(file, series.Options{Zone: zone, Column: flags.Column, Register: flags.Register})
	if err != nil {
		return nil, invalid(err)
	}
	if step == 0 && s.Step == 0 {
		step = defaultStep
	}
	if step == 0 {
		step = s.Step
	}
	if _, err := forecast.New(forecast.Options{Step: step}); err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s: %w; say with --step how long the slots are to be", path, err)}
	}
	slots, step, err := s.Slots(step)
	if err != nil {
		return nil, invalid(err)
	}
	if err := stray(slots, step); err != nil {
		return nil, invalid(err)
	}
	out := &forecastHistory{step: step, load: make([]reading, 0, len(slots))}
	quality := make([]forecast.Quality, len(s.Qualities))
	for i, word := range s.Qualities {
		if quality[i], err = qualityOf(word); err != nil {
			return nil, invalid(err)
		}
	}
	for _, x := range slots {
		r := reading{start: x.Start, value: float32((x.Energy - x.Export).KWh())}
		if !x.Known {
			r.value = float32(math.NaN())
		}
		if len(quality) > 0 {
			r.quality = quality[x.Quality]
		}
		out.load = append(out.load, r)
	}
	last := int64(-1)
	for _, r := range s.Rows {
		at := r.Time().Truncate(step).Unix()
		if r.Beside().HasCelsius && at != last { // the first of a slot stands for it
			out.weather, last = append(out.weather, reading{start: at, value: r.Beside().Celsius}), at
		}
	}
	return out, nil
}

// qualityOf is what the forecaster makes of a quality that agent profile prints: the same
// as of the stored interval.
func qualityOf(word string) (forecast.Quality, error) {
	if word == "" {
		return forecast.Measured, nil
	}
	q, err := metering.ParseQuality(word)
	if err != nil {
		return 0, err
	}
	slot := units.Slot{Start: time.Unix(0, 0).UTC(), Len: time.Hour}
	iv := planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{Slot: slot, Quality: q}}
	quality := planning.Observations([]planning.Interval{iv}, time.Hour, true)[0].Quality
	if quality == forecast.Measured && q&metering.Censored != 0 {
		quality = forecast.Censored // loads were held back, which here are not apart
	}
	return quality, nil
}

// longPause is a pause after which a few rows are more likely a wrong date than the
// site come back.
const longPause = 60 * 24 * time.Hour

// stray refuses less than a day of slots that comes long after all others: one row dated
// years ahead would be taken as today's.
func stray(slots []series.Slot, step time.Duration) error {
	for i := len(slots) - 1; i > 0 && len(slots)-i < int(24*time.Hour/step); i-- {
		pause := time.Duration(slots[i].Start-slots[i-1].Start) * time.Second
		if before := i; pause > longPause && before > len(slots)-i {
			return &series.Error{
				Line: int(slots[i].Line), Err: fmt.Errorf("%s comes %d days after the slot before it, and no day of slots follows", time.Unix(slots[i].Start, 0).UTC().Format(time.RFC3339), int(pause.Hours()/24)),
				Remedy: "correct its date or take it out",
			}
		}
	}
	return nil
}
