package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/metering"
)

// profileCmd prints stored intervals.
type profileCmd struct {
	From   time.Time `help:"Only slots that begin at this instant or later."`
	To     time.Time `help:"Only slots that begin before this instant."`
	Series string    `default:"site" help:"The site's own meter (site), or the id of a load."`
	Data   string    `arg:"" default:"data" help:"Folder of the agent's records."`
}

// Run prints one CSV line an interval, the oldest first.  It only reads, also
// beside a running agent.
func (c profileCmd) Run(e *env) error {
	s, from, to, err := readBetween(e, c.Data, c.From, c.To)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // it only reads
	series, err := s.Series(e.Ctx)
	if err != nil {
		return err
	}
	if c.Series != planning.SiteSeries && !slices.Contains(series, c.Series) {
		return &exitError{exitUsage, fmt.Errorf("there is no series %q; there is %s", c.Series, strings.Join(series, ", "))}
	}
	var intervals []metering.Interval
	for iv, err := range s.Intervals(e.Ctx, c.Series, from, to) {
		if err != nil {
			return err
		}
		intervals = append(intervals, iv.Interval)
	}
	return metering.WriteProfile(e.Stdout, intervals)
}

// readBetween opens the records in a folder for reading what is of the time from one
// instant to another, for ever where one is left out.
func readBetween(e *env, folder string, from, to time.Time) (*store.Store, time.Time, time.Time, error) {
	if !to.IsZero() && !to.After(from) {
		return nil, from, to, &exitError{exitUsage, errors.New("--to must be later than --from")}
	}
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	s, err := readRecords(e, folder)
	return s, from, to, err
}

// readRecords opens the records in a folder for reading, also beside a running agent.
func readRecords(e *env, folder string) (*store.Store, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("there are no records: %w", err)
	}
	if !info.IsDir() {
		return nil, &exitError{exitUsage, fmt.Errorf("%s is no folder; name the agent's data folder", folder)}
	}
	return store.Open(e.Ctx, folder, store.Options{ReadOnly: true})
}
