package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/internal/series"
	"github.com/keeplit/keeplit/internal/units"
)

// base is what is used besides the loads.
func (w *World) base() (house.Base, error) {
	if w.Base.File == "" {
		return house.NewHousehold(house.HouseholdConfig{
			Seed: w.Seed, Zone: w.zone(), Daily: w.Base.Daily, Occupants: w.Base.Occupants, Latitude: w.Base.Latitude,
		})
	}
	name := w.Base.File
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.Folder, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("base.file: %w", err)
	}
	defer f.Close()
	s, err := series.Read(f, series.Options{Zone: w.zone(), Column: w.Base.Column, Register: w.Base.Register})
	if err != nil {
		return nil, fmt.Errorf("base.file: %s: %w", name, err)
	}
	slots, length, err := s.Slots(0)
	if err != nil {
		return nil, fmt.Errorf("base.file: %s: %w", name, err)
	}
	r, err := newRecorded(slots, length)
	if err != nil {
		return nil, fmt.Errorf("base.file: %s: %w", name, err)
	}
	return r, nil
}

// recorded is a recording as a Base for any time: it is repeated by whole weeks, on
// either side, so that days of the week stay what they are.  What is not known in it
// is taken from the nearest week that knows it.
type recorded struct {
	start  time.Time
	length time.Duration
	slots  []units.Energy // of whole weeks
}

const week = 7 * day

func newRecorded(in []series.Slot, length time.Duration) (*recorded, error) {
	if len(in) == 0 || length <= 0 || week%length != 0 {
		return nil, fmt.Errorf("slots of %s cannot be laid into weeks", length)
	}
	first, last := in[0].Start, in[len(in)-1].Start
	seconds := int64(length / time.Second)
	inWeek := int(week / length)
	n := int((last-first)/seconds) + 1
	n -= n % inWeek
	if n == 0 {
		return nil, fmt.Errorf("it holds less than a week; a week is the least that can be repeated")
	}
	r := &recorded{start: time.Unix(first, 0).UTC(), length: length, slots: make([]units.Energy, n)}
	known := make([]bool, n)
	for _, s := range in {
		i := int((s.Start - first) / seconds)
		if i < n && s.Known {
			r.slots[i], known[i] = max(0, s.Energy-s.Export), true
		}
	}
	for i := range r.slots {
		for k := inWeek; !known[i] && k < n; k += inWeek {
			for _, j := range []int{i - k, i + k} {
				if j >= 0 && j < n && known[j] && !known[i] {
					r.slots[i], known[i] = r.slots[j], true
				}
			}
		}
		if !known[i] {
			return nil, fmt.Errorf("no week of it knows what is used at %s of its week", r.start.Add(time.Duration(i)*length).Format("Mon 15:04"))
		}
	}
	return r, nil
}

// Energy implements house.Base; it always knows.
func (r *recorded) Energy(from, to time.Time) (units.Energy, bool) {
	whole := time.Duration(len(r.slots)) * r.length
	var e units.Energy
	for from.Before(to) {
		off := from.Sub(r.start) % whole
		if off < 0 {
			off += whole
		}
		i := int(off / r.length)
		in := off % r.length
		end := min(in+to.Sub(from), r.length)
		e += r.slots[i].Part(int64(end), int64(r.length)) - r.slots[i].Part(int64(in), int64(r.length))
		from = from.Add(end - in)
	}
	return e, true
}
