package values

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Reader reads messages by a description.  It remembers what was told of each value;
// it is for one goroutine at a time.
type Reader struct {
	cfg    Config
	places []place
	device jsonpath.Path
	time   jsonpath.Path
	valid  []jsonpath.Path
	stamps map[string]stamp
	serial string
	news   [quantities]bool // told since News
}

// Config is what a Reader needs besides.
type Config struct {
	Description
	Medium Medium
	Age    time.Duration            // how old a value may be: see Stale
	Own    string                   // topic or page of what says none of its own
	Part   string                   // of the configuration that the description stands in, for messages
	Op     func(from string) string // what is tried, for messages
	Kind   string                   // of the device, where the description is not the owner's; for messages
	Seen   func([]metering.Seen)    // is told what stood at each place; nil: nobody looks
}

// stamp is the measurement's time as a message told it.
type stamp struct {
	text  string
	moved time.Time // when it was another
}

// New makes a Reader of a description.
func New(cfg Config) (*Reader, error) {
	if err := cfg.Check(cfg.Medium, cfg.Own).Err(); err != nil {
		return nil, err
	}
	if cfg.Age <= 0 {
		return nil, errors.New("values: how old they may be is missing")
	}
	r := &Reader{cfg: cfg, stamps: map[string]stamp{}}
	r.places, _ = cfg.places(cfg.Medium, cfg.Own) // checked, as are the paths
	r.device, _ = jsonpath.Parse(cfg.Device)      // nil where there is none
	r.time, _ = jsonpath.Parse(cfg.Time)
	for _, v := range cfg.Valid {
		path, _ := jsonpath.Parse(v)
		r.valid = append(r.valid, path)
	}
	r.look()
	return r, nil
}

// Gathering is how long messages are waited for that belong to one reading: a device
// that tells each value for itself does so one after the other.
const Gathering = 250 * time.Millisecond

// Stale is how old a value may be where nothing is said: three readings, a minute at
// the least.
func Stale(said, every time.Duration) time.Duration {
	if said > 0 {
		return said
	}
	return max(time.Minute, 3*every)
}

// From are the topics or pages that something is read from, each once.
func (r *Reader) From() (out []string) {
	add := func(from string) {
		if !slices.Contains(out, from) {
			out = append(out, from)
		}
	}
	for _, p := range r.places {
		for _, part := range p.parts {
			add(part.from)
		}
	}
	if len(r.valid) > 0 || r.device != nil {
		add(r.cfg.Own)
	}
	return out
}

// Forget forgets what was told of each value.
func (r *Reader) Forget() {
	for i := range r.places {
		r.forget(&r.places[i], "")
	}
}

func (*Reader) forget(p *place, from string) {
	for i := range p.parts {
		if from == "" || p.parts[i].from == from {
			p.parts[i].at = time.Time{}
		}
	}
}

// Take takes what a message tells.
func (r *Reader) Take(from string, message any, now time.Time) error {
	r.show(from, message)
	touched, err := r.remember(from, message, now)
	if err != nil {
		r.Gone(from) // what it told before is not so any more
		return err
	}
	for q, is := range touched {
		r.news[q] = r.news[q] || is
	}
	return nil
}

// Gone forgets what was told from there.
func (r *Reader) Gone(from string) {
	for i := range r.places {
		r.forget(&r.places[i], from)
	}
}

// Bare tells whether all that is read from there is all of the message.
func (r *Reader) Bare(from string) bool {
	for _, p := range r.places {
		for _, part := range p.parts {
			if part.from == from && len(part.path) > 0 {
				return false
			}
		}
	}
	return from != r.cfg.Own || len(r.valid) == 0 && r.device == nil
}

// News is what is known of the quantities of which anything was told since the last
// time: all of a quantity, or nothing.
func (r *Reader) News(now time.Time) (device.Meter, error) {
	of := r.news
	r.news = [quantities]bool{}
	return r.meter(of, now)
}

// All is what is known of all quantities.
func (r *Reader) All(now time.Time) (device.Meter, error) {
	var all [quantities]bool
	for i := range all {
		all[i] = true
	}
	return r.meter(all, now)
}

func (r *Reader) remember(from string, message any, now time.Time) (touched [quantities]bool, err error) {
	unknown := func(err error) error {
		remedy := "compare the paths in " + r.cfg.Part + " with what comes"
		if r.cfg.Kind != "" {
			remedy = "look whether the device is a " + r.cfg.Kind + "; one that answers otherwise is described in " + r.cfg.Part + " without kind"
		}
		return &metering.Error{Code: metering.UnknownReply, Op: r.cfg.Op(from), Err: err, Remedy: remedy}
	}
	passed := func(err error) bool { return r.cfg.Medium == Socket && errors.Is(err, errMissing) }
	if from == r.cfg.Own {
		for _, path := range r.valid {
			v, err := in(message, path)
			if passed(err) {
				continue
			}
			if err != nil {
				return touched, unknown(err)
			}
			if v != true {
				return touched, metering.Fail(metering.Silent, r.cfg.Op(from), "check what the device measures with, and its wiring", "the device says by %s that it has no measurement", path)
			}
		}
		if r.device != nil {
			serial, err := text(message, r.device)
			if err != nil && !passed(err) {
				return touched, unknown(err)
			}
			if err == nil {
				r.serial = serial
			}
		}
	}
	if err := r.fresh(from, message, now); err != nil {
		return touched, err
	}
	for i := range r.places {
		p := &r.places[i]
		for j := range p.parts {
			part := &p.parts[j]
			if part.from != from {
				continue
			}
			n, err := number(message, part.path)
			if passed(err) {
				continue // it is told in another message
			}
			touched[p.quantity] = true
			if p.optional && errors.Is(err, errAbsent) {
				part.at = time.Time{}
				continue
			}
			if err != nil {
				return touched, unknown(err)
			}
			if part.amount, err = part.convert(n); err != nil {
				return touched, r.beyond(from, part.name, err)
			}
			part.at = now
		}
	}
	return touched, nil
}

func (r *Reader) beyond(from, at string, err error) error {
	return &metering.Error{Code: metering.Range, Op: r.cfg.Op(from), Err: err, Remedy: "check unit and factor of " + r.cfg.Part + "." + at}
}

// fresh refuses a message whose measurement is too old.
func (r *Reader) fresh(from string, message any, now time.Time) error {
	if r.time == nil {
		return nil
	}
	said, err := text(message, r.time)
	if r.cfg.Medium == Socket && errors.Is(err, errMissing) {
		return nil
	}
	if err != nil {
		return &metering.Error{Code: metering.UnknownReply, Op: r.cfg.Op(from), Err: err, Remedy: "compare " + r.cfg.Part + ".time with what comes"}
	}
	s := r.stamps[from]
	if said != s.text || s.moved.IsZero() || now.Before(s.moved) {
		s = stamp{said, now}
		r.stamps[from] = s
	}
	if age := now.Sub(s.moved); age > r.cfg.Age {
		return metering.Fail(metering.Silent, r.cfg.Op(from), "check the meter behind the gateway", "the same measurement is told for %v", age.Round(time.Second))
	}
	return nil
}

// known tells whether all parts of a place are told, and not too long ago.
func (r *Reader) known(p place, now time.Time) bool {
	return !slices.ContainsFunc(p.parts, func(part part) bool {
		return part.at.IsZero() || now.Sub(part.at) > r.cfg.Age
	})
}

// Reading is News as a reading at now.  Where nothing of use came of a value for longer
// than it may be old, counted from since where it never did, the reading is an error that
// names it.  ok is false where nothing was told.
func (r *Reader) Reading(since, now time.Time) (out metering.Reading, ok bool) {
	told, err := r.News(now)
	if err != nil {
		return metering.Reading{Err: err}, true
	}
	if what := r.lacks(since, now); what != "" {
		return metering.Reading{Err: metering.Fail(metering.Silent, "wait for "+what, "check that the device tells it, and stale in "+r.cfg.Part, "nothing of use came for longer than a value may be old")}, true
	}
	if told.Empty() {
		return out, false
	}
	s := Sample(told)
	s.At, s.Device = now.UTC(), told.Serial
	if err := s.Sane(r.cfg.Op(r.cfg.Own)); err != nil {
		return metering.Reading{Err: err}, true
	}
	return metering.Reading{Sample: s}, true
}

func (r *Reader) lacks(since, now time.Time) string {
	for _, p := range r.places {
		if p.optional {
			continue
		}
		for _, part := range p.parts {
			last := part.at
			if last.IsZero() {
				last = since
			}
			if now.Sub(last) > r.cfg.Age {
				return cmp.Or(part.from, name(part.path))
			}
		}
	}
	return ""
}

// meter is what is known of some quantities.
func (r *Reader) meter(of [quantities]bool, now time.Time) (m device.Meter, err error) {
	whole := of
	for _, p := range r.places {
		if !p.optional && !r.known(p, now) {
			whole[p.quantity] = false // not the half of it
		}
	}
	m.Serial = r.serial
	for _, p := range r.places {
		if !whole[p.quantity] {
			continue
		}
		if p.phase > 0 && !p.optional {
			m.Phases = grown(m.Phases, p.phase)
		}
		if !r.known(p, now) {
			continue // it is optional
		}
		var sum int64
		for _, part := range p.parts {
			v := part.amount
			if part.off {
				v = -v
			}
			if sum += v; sum > most62 || sum < -most62 {
				return device.Meter{}, r.beyond(part.from, part.name, fmt.Errorf("the sum of %d parts is beyond any meter", len(p.parts)))
			}
		}
		p.store(&m, sum)
	}
	if m.Import.Is() || m.Export.Is() {
		m.Step = r.cfg.Step
	}
	return m, nil
}

func grown(phases []device.Values, n int) []device.Values {
	for len(phases) < n {
		phases = append(phases, device.Values{})
	}
	return phases
}

// store puts an amount into its place.
func (p place) store(m *device.Meter, v int64) {
	switch p.quantity {
	case importRegister:
		m.Import = device.Tell(device.Register{Energy: units.Energy(v)})
	case exportRegister:
		m.Export = device.Tell(device.Register{Energy: units.Energy(v)})
	case frequency:
		m.Frequency = device.Tell(units.Frequency(v))
	case power, voltage, current, quantities:
		at := &m.Values
		if p.phase > 0 {
			m.Phases = grown(m.Phases, p.phase)
			at = &m.Phases[p.phase-1]
		}
		switch p.quantity {
		case power:
			at.Power = device.Tell(units.Power(v))
		case voltage:
			at.Voltage = device.Tell(units.Voltage(v))
		default:
			at.Current = device.Tell(units.Current(v))
		}
	}
}
