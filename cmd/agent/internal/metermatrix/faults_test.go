package metermatrix

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// fault is a row of the matrix.
type fault struct {
	name string
	// from and to begin and end it; nil: nothing is done.
	from, to func(*world)
	// before is done before the agent sees the meter; nil: nothing.
	before func(*world)
	// agent is what is done to the agent when it begins; nil: nothing.
	agent func(*bench)
	// begins is when the world begins; zero: on a day like any other.
	begins time.Time
	// It lasts for so many readings, asked for as usual, or so long without any.
	readings int
	lasts    time.Duration
	// must are the warnings of which one is to be raised; none: it is no reason for a
	// warning.  may are those that need not.
	must, may []health.Code
	// loses is how much may be missing in the end.
	loses units.Energy
	// reads: good readings come while it lasts.  ever: it never ends.
	reads, ever bool
	// nearEnd: the register begins shortly before its last digit.
	nearEnd bool
	short   bool // it is part of the short form
}

// slack is what may be counted too much or too little for a moment, while power stands in
// for a register that is in doubt.
const slack = 60 * units.WattHour

func onWire(how wire) func(*world) { return func(w *world) { w.wire = how } }

func mended(w *world) { w.wire, w.show, w.frozen, w.clockOf, w.skew = sound, nil, nil, nil, 0 }

// local has the meter's clock show the time of the place.
func local(w *world) { w.local = true }

// moved has the agent go on in another zone, on the other side of the day.
func moved(b *bench) { b.restart("Pacific/Auckland") }

func shown(f func(*face)) func(*world) { return func(w *world) { w.show = f } }

// mutes tells whether it may keep readings from coming.
func (f fault) mutes() bool {
	return slices.Contains(f.must, health.MeterSilent) || slices.Contains(f.may, health.MeterSilent)
}

// codes is a list of warnings.
func codes(of ...health.Code) []health.Code { return of }

// all are the faults, in the order of the table.
func all() []fault {
	unread := codes(health.MeterSilent, health.MeterReply)
	zero := shown(func(f *face) { f.imported = 0 })
	return []fault{
		{name: "none", readings: 6, reads: true, short: true},
		{name: "silent for a minute", from: onWire(silence), to: mended, readings: 1, lasts: time.Minute, may: unread},
		{name: "silent for an hour", from: onWire(silence), to: mended, readings: 1, lasts: time.Hour, must: codes(health.MeterSilent), may: unread, short: true},
		{name: "silent for ever", from: onWire(silence), readings: 1, lasts: 30 * 24 * time.Hour, must: codes(health.MeterSilent), may: unread, ever: true},
		{name: "garbage", from: onWire(garbage), to: mended, readings: 2, lasts: 2 * time.Minute, must: unread, may: unread, short: true},
		{name: "an adapter that hears itself", from: onWire(echo), to: mended, readings: 6, reads: true},
		{name: "a stray byte before each answer", from: onWire(before), to: mended, readings: 6, reads: true, short: true},
		{name: "a stray byte after each answer", from: onWire(after), to: mended, readings: 6, reads: true},
		{name: "a bad check sum", from: onWire(checksum), to: mended, readings: 2, lasts: 2 * time.Minute, must: unread, may: unread},
		{name: "half an answer", from: onWire(short), to: mended, readings: 2, lasts: 2 * time.Minute, must: unread, may: unread},
		{name: "answers too late", from: onWire(late), to: mended, readings: 2, lasts: 2 * time.Minute, may: unread, short: true},
		{name: "each answer twice", from: onWire(duplicate), to: mended, readings: 6, reads: true},
		{name: "zero once", from: zero, to: mended, readings: 1, must: codes(health.RegisterBack), reads: true, short: true},
		{name: "zero twice", from: zero, to: mended, readings: 2, must: codes(health.RegisterBack), reads: true},
		{name: "1000 kWh too much, once", from: shown(func(f *face) { f.imported += 1000 * units.KilowattHour }), to: mended, readings: 1, must: codes(health.RegisterJump), reads: true},
		{name: "1000 kWh too much from now on", from: func(w *world) { w.register += 1000 * units.KilowattHour }, readings: 6, must: codes(health.RegisterJump), loses: slack, reads: true, short: true},
		{name: "a spike of power", from: shown(func(f *face) { f.power = 90 * units.Kilowatt }), to: mended, readings: 3, must: codes(health.PowerDoubtful), reads: true, short: true},
		{name: "register reset to zero", from: func(w *world) { w.register = 0 }, readings: 6, must: codes(health.RegisterBack), loses: slack, reads: true},
		{name: "register begins again", nearEnd: true, readings: 30, reads: true, short: true},
		{name: "its clock in the year 2000", from: func(w *world) { w.clockOf = inYear2000 }, to: mended, readings: 6, reads: true},
		{name: "its clock an hour off", from: func(w *world) { w.clockOf = func(time.Time) int { return -3600 } }, to: mended, readings: 6, reads: true},
		{name: "its clock put forward for summer", before: local, begins: time.Date(2026, 3, 29, 0, 58, 0, 0, time.UTC), readings: 12, reads: true},
		{name: "its clock put back for winter", before: local, begins: time.Date(2026, 10, 25, 0, 58, 0, 0, time.UTC), readings: 12, reads: true},
		{name: "the agent's zone is another one", agent: moved, readings: 6, reads: true, short: true},
		{name: "the machine's clock in the year 2000", from: func(w *world) { w.skew = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(w.at) }, to: mended, readings: 6, may: codes(health.ClockBack, health.ClockAhead, health.ClockUnconfirmed), reads: true},
		{name: "the machine's clock an hour back", from: func(w *world) { w.skew = -time.Hour }, to: mended, readings: 6, may: codes(health.ClockBack, health.ClockAhead, health.ClockUnconfirmed), reads: true, short: true},
		{name: "no power told", from: shown(func(f *face) { f.lacks = metering.HasPower }), to: mended, readings: 3, may: unread},
		{name: "no voltage told", from: shown(func(f *face) { f.lacks = metering.HasVoltage }), to: mended, readings: 6, reads: true, short: true},
		{name: "no register told", from: shown(func(f *face) { f.lacks = metering.HasImport }), to: mended, readings: 3, may: unread},
		{name: "one tariff of two missing", from: shown(func(f *face) { f.part = true }), to: mended, readings: 3, reads: true, short: true},
		{name: "stands still for five minutes", from: frozen, to: mended, readings: 30, may: codes(health.RegisterStuck, health.MeterSilent, health.MeterReply, health.PowerDoubtful)},
	}
}

func inYear2000(at time.Time) int {
	return int(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(at) / time.Second)
}

// frozen has the meter go on showing what it shows now.
func frozen(w *world) {
	w.frozen = &face{imported: w.register, power: w.power, clock: w.at}
}
