package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/keeplit/keeplit/internal/series"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// readLoad reads a load: the columns timestamp,kwh or timestamp,w, the start of
// each interval by RFC 3339, rising; a third column kvarh or var is reactive
// energy.  A row without a value is missing.  The interval is the spacing that
// occurs most; a longer pause is a gap and stays one, which the notes tell.
func readLoad(file string) (load []tariffs.Reading, notes []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	load, err = parseLoad(f)
	if err != nil {
		return nil, nil, &exitError{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	gaps, hours := 0, 0.0
	for i := 1; i < len(load); i++ {
		if d := load[i].From.Sub(load[i-1].To); d > 0 {
			gaps, hours = gaps+1, hours+d.Hours()
		}
	}
	if gaps > 0 {
		notes = []string{fmt.Sprintf("the load has %d gap(s), together %.4g hours: no energy is charged for them", gaps, hours)}
	}
	return load, notes, nil
}

func parseLoad(r io.Reader) ([]tariffs.Reading, error) {
	file, err := series.Read(r, series.Options{Sorted: true})
	if err != nil {
		return nil, err
	}
	if len(file.Rows) < 2 {
		return nil, errors.New("there are fewer than two rows, so the interval is not known")
	}
	load := make([]tariffs.Reading, 0, len(file.Rows))
	for i := range file.Rows {
		row := &file.Rows[i]
		if !row.Known {
			continue
		}
		r := tariffs.Reading{From: row.Time(), To: row.Time().Add(file.Step)}
		if i+1 < len(file.Rows) && file.Rows[i+1].Time().Before(r.To) {
			r.To = file.Rows[i+1].Time()
		}
		length := r.To.Sub(r.From)
		r.Energy, r.Reactive = row.Energy()-row.Beside().Export, units.Energy(row.Beside().Reactive)
		if file.Power {
			r.Energy, r.Reactive = row.Power().Over(length), units.Power(row.Beside().Reactive).Over(length)
		}
		load = append(load, r)
	}
	if len(load) == 0 {
		return nil, errors.New("every value is missing")
	}
	return load, nil
}

// loadTime reads an instant; a space may stand for the T, as RFC 3339 allows.
func loadTime(s string) (time.Time, error) {
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	return time.Parse(time.RFC3339, s)
}
