package sunspec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// device is the models of one unit, found once and checked at each read.
type device struct {
	bus     loads.Bus
	unit    byte
	timeout time.Duration
	models  []model // none: not looked for yet
}

// model is a block of registers: its number and its length, then its points.
type model struct{ id, at, length int }

const (
	marker     = "SunS"
	end        = 0xffff
	mostModels = 100
	mostAtOnce = 125 // registers in one question
	readHold   = 3
)

// bases are where the models may begin, the usual one first.
func bases() []int { return []int{40000, 50000, 0} }

// notOursError is that what answers is no SunSpec device, or not the one that it was.
type notOursError struct{ text string }

func (e *notOursError) Error() string { return e.text }

// words reads registers.
func (d *device) words(ctx context.Context, at, n int) ([]uint16, error) {
	out := make([]uint16, 0, n)
	for n > 0 {
		part := min(n, mostAtOnce)
		q := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{readHold}, uint16(at)), uint16(part))
		a, err := d.bus.Ask(ctx, d.unit, q, d.timeout)
		if err != nil {
			return nil, err
		}
		for i := range part {
			out = append(out, binary.BigEndian.Uint16(a[2+2*i:]))
		}
		at, n = at+part, n-part
	}
	return out, nil
}

// find looks for the models.
func (d *device) find(ctx context.Context) error {
	if len(d.models) > 0 {
		return nil
	}
	var last error
	for _, base := range bases() {
		w, err := d.words(ctx, base, 2)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			last = err
			continue
		case w[0] != uint16(marker[0])<<8|uint16(marker[1]) || w[1] != uint16(marker[2])<<8|uint16(marker[3]):
			continue
		}
		found, err := d.chain(ctx, base+2)
		if err == nil {
			d.models = found
		}
		return err
	}
	if last != nil {
		return fmt.Errorf("SunSpec is not found; check unit, and that Modbus TCP with SunSpec is switched on in the inverter's menus: %w", last)
	}
	return &notOursError{"what answers does not speak SunSpec: SunS stands neither at 40000, 50000 nor 0; switch it on in the inverter's menus, or check unit"}
}

// chain follows the models from the first one.
func (d *device) chain(ctx context.Context, at int) (out []model, err error) {
	for range mostModels {
		w, err := d.words(ctx, at, 2)
		if err != nil {
			return nil, err
		}
		if w[0] == end {
			break
		}
		m := model{int(w[0]), at, int(w[1])}
		if at += 2 + m.length; m.length == 0 || at > math.MaxUint16 {
			return nil, &notOursError{fmt.Sprintf("model %d at %d is of %d registers, which cannot be", m.id, m.at, m.length)}
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, &notOursError{"it speaks SunSpec and has no models"}
	}
	return out, nil
}

// has tells whether there is a model.
func (d *device) has(ids ...int) bool {
	return slices.ContainsFunc(d.models, func(m model) bool { return slices.Contains(ids, m.id) })
}

// errModels is that the models are not where they were: they are looked for anew.
var errModels = errors.New("its models are not where they were")

// read is the first n registers of a model, its number and length first: with them in the same answer
// it is known that the rest is what it is taken for.  Values and their scale factors are read together,
// for some devices change them as they go.
func (d *device) read(ctx context.Context, m model, n int) (points, error) {
	n = min(n, 2+m.length)
	w, err := d.words(ctx, m.at, n)
	if err != nil {
		return nil, err
	}
	if int(w[0]) != m.id || int(w[1]) != m.length {
		d.models = nil
		return nil, errModels
	}
	return w, nil
}

// points are the registers of a model; a point's place counts from the model's number.
type points []uint16

// Values that say that a point is not there.
const (
	noInt   = 0x8000
	noUint  = 0xffff
	noScale = 0x8000
)

// scale is a scale factor as a factor.
func (p points) scale(at int) (float64, error) {
	if at >= len(p) || p[at] == noScale {
		return 0, errors.New("its scale factor is not told")
	}
	f := int(int16(p[at]))
	if f < -10 || f > 10 {
		return 0, fmt.Errorf("its scale factor is %d, which is none", f)
	}
	return math.Pow10(f), nil
}

// signed is a number of 16 bits in its unit; ok is false where the device does not tell it.
func (p points) signed(at, scaleAt int) (x float64, ok bool, err error) {
	if at >= len(p) || p[at] == noInt {
		return 0, false, nil
	}
	f, err := p.scale(scaleAt)
	return float64(int16(p[at])) * f, err == nil, err
}

// float is a number of 32 bits with a floating point.
func (p points) float(at int) (x float64, ok bool) {
	if at+1 >= len(p) {
		return 0, false
	}
	x = float64(math.Float32frombits(uint32(p[at])<<16 | uint32(p[at+1])))
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}

// text is letters, two in a register.
func (p points) text(at, n int) string {
	var out []byte
	for _, w := range p[min(at, len(p)):min(at+n, len(p))] {
		for _, c := range []byte{byte(w >> 8), byte(w)} {
			if c >= ' ' && c < 0x7f {
				out = append(out, c)
			}
		}
	}
	return string(out)
}

// States of an inverter in which it gives nothing and need not tell a power.
func dark(state uint16) bool { return state == 1 || state == 2 || state == 8 } // off, asleep, standing by

// gives is what the inverter gives.
func (d *device) gives(ctx context.Context) (units.Power, error) {
	if err := d.find(ctx); err != nil {
		return 0, err
	}
	if d.has(124, 713, 802) && d.has(160) {
		return d.strings(ctx)
	}
	w, told, state, err := d.output(ctx)
	switch {
	case err != nil:
		return 0, err
	case told:
		// What it draws from the grid, for itself or for a battery, is no sun.
		return power(max(0, w)), nil
	case dark(state):
		return 0, nil
	}
	return 0, fmt.Errorf("it does not tell what it gives, and its state, which is %d, does not say that it sleeps", state)
}

// output is what the inverter gives, below zero what it draws, and its state where it does not tell.
func (d *device) output(ctx context.Context) (w float64, told bool, state uint16, err error) {
	for _, m := range d.models {
		var p points
		switch m.id {
		case 101, 102, 103:
			if p, err = d.read(ctx, m, 39); err == nil && len(p) > 38 {
				state = p[38]
				w, told, err = p.signed(14, 15)
			}
		case 111, 112, 113:
			if p, err = d.read(ctx, m, 49); err == nil && len(p) > 48 {
				state = p[48]
				w, told = p.float(22)
			}
		case 701:
			if p, err = d.read(ctx, m, 117); err == nil && len(p) > 4 {
				state = p[4]
				w, told, err = p.signed(10, 116)
			}
		default:
			continue
		}
		if err != nil {
			return 0, false, 0, fmt.Errorf("model %d: %w", m.id, err)
		}
		return w, told, state, nil
	}
	return 0, false, 0, &notOursError{"it is no inverter: it has none of the models 101 to 103, 111 to 113 and 701; one that is a meter or a battery has another unit"}
}

// Model 160: registers before the first string, and of each.
const stringsHead, eachString = 10, 20

// strings is what its panels give to an inverter that has a battery too, whose output may be
// the battery's.  Some tell what goes into the battery, and comes out, as two strings more.
func (d *device) strings(ctx context.Context) (units.Power, error) {
	i := slices.IndexFunc(d.models, func(m model) bool { return m.id == 160 })
	m := d.models[i]
	p, err := d.read(ctx, m, 2+m.length)
	if err != nil {
		return 0, fmt.Errorf("model 160: %w", err)
	}
	sum, told := 0.0, false
	for at := stringsHead; at+eachString <= len(p); at += eachString {
		s := p[at : at+eachString]
		if name := s.text(1, 8); len(name) >= 2 && name[:2] == "St" && (len(name) < 6 || name[:6] != "String") {
			continue
		}
		w, ok, err := scaled(s, 11, p, 4)
		if err != nil {
			return 0, fmt.Errorf("model 160: %w", err)
		}
		sum, told = sum+w, told || ok
	}
	if !told {
		return 0, errors.New("model 160 does not tell what any of its strings gives")
	}
	return power(sum), nil
}

// scaled is a number without sign of one block by the scale factor in another.
func scaled(s points, at int, p points, scaleAt int) (float64, bool, error) {
	if s[at] == noUint {
		return 0, false, nil
	}
	f, err := p.scale(scaleAt)
	return float64(s[at]) * f, err == nil, err
}

func power(w float64) units.Power { return units.FromW(math.Round(w*1000) / 1000) }
