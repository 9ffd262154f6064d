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
// each interval by RFC 3339, rising; a row without a value is missing.  The
// interval is the spacing that occurs most; a longer pause is a gap and stays
// one.
func readLoad(file string) ([]tariffs.Reading, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	load, err := parseLoad(f)
	if err != nil {
		return nil, &exitError{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	return load, nil
}

type loadRow struct {
	at    time.Time
	value string
	line  int
}

func parseLoad(r io.Reader) ([]tariffs.Reading, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: the header timestamp,kwh or timestamp,w is missing: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if len(head) != 2 || (head[0] != "timestamp" && head[0] != "time") || (head[1] != "kwh" && head[1] != "w") {
		return nil, fmt.Errorf("line 1: the header is %q; write timestamp,kwh or timestamp,w", strings.Join(head, ","))
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
		at, err := time.Parse(time.RFC3339, record[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not a time such as 2024-07-01T00:00:00Z", line, record[0])
		}
		if n := len(rows); n > 0 && !at.After(rows[n-1].at) {
			return nil, fmt.Errorf("line %d: %s does not come after the line before it; sort the file", line, record[0])
		}
		rows = append(rows, loadRow{at.UTC(), record[1], line})
	}
	if len(rows) < 2 {
		return nil, errors.New("there are fewer than two rows, so the interval is not known")
	}
	return readings(rows, head[1] == "w")
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
		var err error
		if power {
			r.Energy, err = wattsOver(row.value, r.To.Sub(r.From))
		} else {
			r.Energy, err = kilowattHours(row.value)
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
