package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

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

type loadRow struct {
	at       time.Time
	value    string
	reactive string
	line     int
}

// loadTime reads the start of an interval; a space may stand for the T, as RFC
// 3339 allows.
func loadTime(s string) (time.Time, error) {
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	return time.Parse(time.RFC3339, s)
}

func parseLoad(r io.Reader) ([]tariffs.Reading, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: the header timestamp,kwh or timestamp,w is missing: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	columns := strings.ToLower(strings.ReplaceAll(strings.Join(head, ","), " ", ""))
	switch columns {
	case "timestamp,kwh", "timestamp,w", "timestamp,kwh,kvarh", "timestamp,w,var", "time,kwh", "time,w":
	default:
		return nil, fmt.Errorf("line 1: the header is %q; write timestamp,kwh or timestamp,w (with reactive energy: timestamp,kwh,kvarh or timestamp,w,var)", strings.Join(head, ","))
	}
	var rows []loadRow
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // names its line
		}
		line, _ := in.FieldPos(0)
		at, err := loadTime(record[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not a time with its zone such as 2024-07-01T00:00:00Z or 2024-07-01T02:00:00+02:00", line, record[0])
		}
		if n := len(rows); n > 0 && !at.After(rows[n-1].at) {
			return nil, fmt.Errorf("line %d: %s does not come after the line before it; sort the file", line, record[0])
		}
		row := loadRow{at: at.UTC(), value: strings.TrimSpace(record[1]), line: line}
		if len(record) > 2 {
			row.reactive = strings.TrimSpace(record[2])
		}
		rows = append(rows, row)
	}
	if len(rows) < 2 {
		return nil, errors.New("there are fewer than two rows, so the interval is not known")
	}
	return readings(rows, strings.HasPrefix(columns[strings.IndexByte(columns, ',')+1:], "w"))
}

// readings gives each row its interval and its energy.
func readings(rows []loadRow, power bool) ([]tariffs.Reading, error) {
	length := commonSpacing(rows)
	load := make([]tariffs.Reading, 0, len(rows))
	for i, row := range rows {
		if row.value == "" {
			continue
		}
		r := tariffs.Reading{From: row.at, To: row.at.Add(length)}
		if i+1 < len(rows) && rows[i+1].at.Before(r.To) {
			r.To = rows[i+1].at
		}
		energy := kilowattHours
		if power {
			energy = func(s string) (units.Energy, error) { return wattsOver(s, r.To.Sub(r.From)) }
		}
		var err error
		if r.Energy, err = energy(row.value); err == nil && row.reactive != "" {
			r.Reactive, err = energy(row.reactive)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", row.line, err)
		}
		load = append(load, r)
	}
	if len(load) == 0 {
		return nil, errors.New("every value is missing")
	}
	return load, nil
}

func commonSpacing(rows []loadRow) time.Duration {
	count := map[time.Duration]int{}
	var best time.Duration
	for i := 1; i < len(rows); i++ {
		d := rows[i].at.Sub(rows[i-1].at)
		count[d]++
		if n := count[d]; best == 0 || n > count[best] || (n == count[best] && d < best) {
			best = d
		}
	}
	return best
}

// decimal reads a number with up to twelve decimals exactly, as that many
// trillionths; further decimals and exponents, which only measurements in
// floating point have, are rounded.
func decimal(s string) (int64, error) {
	if v, err := units.ParseDecimal(s, 12); err == nil {
		return v, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f > 1e6 || f < -1e6 {
		return 0, fmt.Errorf("%q is not a number from -1 000 000 to 1 000 000", s)
	}
	return int64(f * 1e12), nil
}

func kilowattHours(s string) (units.Energy, error) {
	v, err := decimal(s)
	return units.Energy(units.MulDiv(v, int64(units.KilowattHour), 1e12)), err
}

func wattsOver(s string, d time.Duration) (units.Energy, error) {
	v, err := decimal(s)
	return units.Power(units.MulDiv(v, int64(units.Watt), 1e12)).Over(d), err
}
