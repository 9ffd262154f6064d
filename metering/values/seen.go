package values

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/keeplit/keeplit/metering"
)

// look tells of each place that is looked at that nothing came of it so far, so that one
// which nothing ever comes of is told, too.
func (r *Reader) look() { r.tell("", nil) }

// show tells what stood at the places of a message.
func (r *Reader) show(from string, message any) {
	if r.cfg.Seen != nil {
		r.tell(from, func(p part) (string, int64, error) {
			n, err := number(message, p.path)
			if err != nil {
				return "", 0, err
			}
			v, err := p.convert(n)
			return n.String(), v, err
		})
	}
}

// tell tells of the places of a message, or without one of all.
func (r *Reader) tell(from string, read func(part) (raw string, v int64, err error)) {
	if r.cfg.Seen == nil {
		return
	}
	var out []metering.Seen
	for _, p := range r.places {
		for _, part := range p.parts {
			if read != nil && part.from != from {
				continue
			}
			s := metering.Seen{Name: part.name, Where: part.where(), Makes: part.makes(p.quantity)}
			if read == nil {
				s.Why = metering.NotCome
				out = append(out, s)
				continue
			}
			raw, v, err := read(part)
			s.Raw = clip(raw)
			switch {
			case r.cfg.Medium == Socket && errors.Is(err, errMissing):
				continue // it is told in another message
			case err != nil && p.optional && errors.Is(err, errAbsent):
				s.Why = err.Error() + ", and may be (optional)"
			case err != nil:
				s.Why = err.Error()
			default:
				if part.off {
					v = -v
				}
				s.Took = p.quantity.took(v)
			}
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		r.cfg.Seen(out)
	}
}

// where is where a part is looked for.
func (p part) where() string {
	switch {
	case p.from == "":
		return name(p.path)
	case len(p.path) == 0:
		return p.from
	}
	return p.from + ": " + name(p.path)
}

// makes is by what the number becomes the value.
func (p part) makes(q quantity) string {
	out := q.units()[0].name
	for _, u := range q.units() {
		if u.per == p.per {
			out = u.name
		}
	}
	if p.scale != one {
		out = "x " + strconv.FormatFloat(float64(p.scale)/one, 'f', -1, 64) + " " + out
	}
	if p.off {
		out += ", taken off"
	}
	return out
}

// took is a value in the unit that is kept.
func (q quantity) took(v int64) string {
	unit := q.units()[0]
	places := 3
	if q == importRegister || q == exportRegister {
		places = 6
	}
	return strconv.FormatFloat(float64(v)/float64(cmp.Or(unit.per, 1)), 'f', places, 64) + " " + unit.name
}
