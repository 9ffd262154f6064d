package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// cell is the bench's battery: it does what it was told, and nothing by itself.
type cell struct {
	charge int // thousandths
}

func (b *bench) battery(change ...func(*loads.BatteryDocument)) {
	d := loads.BatteryDocument{Capacity: 10 * units.KilowattHour, Charge: 3 * units.Kilowatt}
	for _, f := range change {
		f(&d)
	}
	b.cell, b.sets, b.gone = &cell{charge: 600}, map[string]loads.Setpoint{}, map[string]bool{}
	b.with(loads.Document{ID: "store", Kind: loads.Battery, Battery: &d})
}

// settle lets time pass in which what was told is done and measured.
func (b *bench) settle(d time.Duration) string {
	b.t.Helper()
	b.run(d, 5*time.Second)
	return b.told("store")
}

// Where nobody plans a battery takes what is over and gives what the house needs, never into the grid and never of
// its reserve; where it is not heard it is left to itself.
func TestABatteryFollowsTheHouse(t *testing.T) {
	b := newBench(t)
	b.planner = nil
	b.battery()
	for _, row := range []struct {
		house  units.Power
		charge int
		want   string
	}{
		{1500, 600, "on -1470 W"},
		{-2000, 600, "on 2000 W"},
		{-5000, 600, "on 3000 W"},
		{800, 600, "on -770 W"},
		{300, 600, "on -270 W"},
		{4000, 600, "on -3000 W"},
		{800, 199, "on rest"},
		{800, 210, "on rest"},
		{800, 230, "on -770 W"},
	} {
		b.power, b.cell.charge = row.house*units.Watt, row.charge
		if got := b.settle(20 * time.Second); got != row.want {
			t.Errorf("of a house at %d W, with %d thousandths: %s, want %s", row.house, row.charge, got, row.want)
		}
		if p := b.st.Meter.Last.Power; row.house > 0 && p < 0 {
			t.Errorf("of a house at %d W %v flow out", row.house, p)
		}
	}
	b.gone["store"] = true
	b.run(time.Minute, 5*time.Second)
	if u := b.st.Guard.Unit("store"); u.Set.On {
		t.Errorf("it is not heard, and is told %v", u.Set)
	}
}

// What a battery takes and gives is recorded beside what the meter says, so that the house is known; what is not
// heard is missing and not nothing.
func TestWhatABatteryDoesIsRecorded(t *testing.T) {
	b := newBench(t)
	b.planner = nil
	b.battery()
	b.power = 1030 * units.Watt
	ended := func() (site, store metering.Interval) {
		t.Helper()
		for range 60 {
			b.run(time.Minute, 10*time.Second)
			for _, iv := range b.last.Intervals {
				switch iv.Series {
				case "store":
					store = iv.Interval
				case "site":
					site = iv.Interval
				}
			}
		}
		return site, store
	}
	ended()
	site, store := ended()
	if store.Import != 0 || store.Export < 490*units.WattHour || store.Export > 500*units.WattHour {
		t.Errorf("it gave 1 kW: %+v", store)
	}
	if house := site.Import + store.Export; house < 510*units.WattHour || house > 520*units.WattHour {
		t.Errorf("the house used 515 Wh, and %v are told", house)
	}
	b.gone["store"] = true
	ended()
	if _, store := ended(); store.Quality&metering.Gap == 0 {
		t.Errorf("nothing was heard of it: %+v", store)
	}
}

// A plan charges it from the grid; not from credit that is short, and where the supply is cut it is left to
// itself.
func TestABatteryIsNotChargedFromCreditThatIsShort(t *testing.T) {
	b := newBench(t)
	b.battery()
	b.st.Credit.Unlocked = false
	b.run(2*time.Minute, 10*time.Second)
	if b.st.Plan == nil {
		t.Fatal("there is no plan")
	}
	b.planner = nil
	b.leave(100 * units.One)
	b.plans("store", 2*units.Kilowatt)
	if got := b.settle(20 * time.Second); got != "on 2000 W" {
		t.Fatalf("planned from the grid: %s", got)
	}
	b.leave(units.One / 1000)
	b.plans("store", 2*units.Kilowatt)
	if got := b.settle(20 * time.Second); b.sets["store"].Power > 0 {
		t.Errorf("with nothing left it is told %s", got)
	}
	b.settle(time.Minute)
	if b.st.Decision.Position != credit.Disconnected {
		t.Fatalf("the supply is %v", b.st.Decision.Position)
	}
	if got := b.told("store"); got != "off" {
		t.Errorf("cut off it is told %s", got)
	}
}

// For a limit a battery rests, or gives on; it is not left to its own ways, in which it may take what it likes.
func TestABatteryIsNotLeftToItselfForALimit(t *testing.T) {
	for _, row := range []struct {
		name  string
		house units.Power
		plan  units.Power
		want  string
	}{
		{"it is to be charged", 4000 * units.Watt, 2 * units.Kilowatt, "on rest"},
		{"it rests, and its inverter draws for itself", 4000 * units.Watt, 0, "on rest"},
	} {
		b := newBench(t)
		b.battery()
		b.run(2*time.Minute, 10*time.Second)
		b.planner = nil
		b.leave(100 * units.One)
		b.plans("store", row.plan)
		b.settle(20 * time.Second)
		if row.plan == 0 {
			b.deaf = map[string]units.Power{"store": 60 * units.Watt}
		}
		b.power, b.site.Power = row.house, 3*units.Kilowatt
		for range 12 {
			b.plans("store", row.plan)
			if got := b.settle(10 * time.Second); got == "off" {
				t.Fatalf("%s: it is told %s", row.name, got)
			}
		}
		if got := b.told("store"); got != row.want {
			t.Errorf("%s: it is told %s, want %s", row.name, got, row.want)
		}
	}
}

// Where nothing is shifted a battery takes what is over and gives what is needed, also where the plan expects none of it.
func TestABatteryOfASiteThatShiftsNothingFollowsTheHouse(t *testing.T) {
	b := newBench(t)
	b.site.Shift = false
	b.battery()
	b.run(2*time.Minute, 10*time.Second)
	b.planner = nil
	b.plans("store", 0)
	b.power = 1500 * units.Watt
	if got := b.settle(20 * time.Second); got != "on -1470 W" {
		t.Errorf("it is told %s", got)
	}
}
