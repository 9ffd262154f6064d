package obis

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in, want string
		ok       bool
	}{
		{"1-0:1.8.0", "1-0:1.8.0", true},
		{"1-0:1.8.0*255", "1-0:1.8.0", true},
		{"1-0:1.8.0*01", "1-0:1.8.0*1", true},
		{"0-1:24.2.1", "0-1:24.2.1", true},
		{"1.8.0", "1.8.0", true},
		{"32.7", "32.7.0", true},
		{"129-129:199.130.3", "129-129:199.130.3", true},
		{"C.1.0", "", false},
		{"F.F", "", false},
		{"1-0:1.8.256", "", false},
		{"1-0:1.8.0000", "", false},
		{"1:1.8.0", "", false},
		{"", "", false},
		{"1", "", false},
	} {
		c, ok := Parse([]byte(row.in))
		if ok != row.ok || (ok && c.String() != row.want) {
			t.Errorf("%q is %q, %v; want %q, %v", row.in, c, ok, row.want, row.ok)
		}
	}
}

func TestCollector(t *testing.T) {
	type value struct{ code, v, unit string }
	for _, row := range []struct {
		name   string
		values []value
		check  func(metering.Sample) bool
		fails  metering.Code
	}{
		{
			"a total is believed before its tariffs",
			[]value{{"1-0:1.8.0", "10", "kWh"}, {"1-0:1.8.1", "4", "kWh"}, {"1-0:1.8.2", "5", "kWh"}},
			func(s metering.Sample) bool { return s.Import == 10*units.KilowattHour && s.Step == units.KilowattHour }, "",
		},
		{
			"tariffs are summed, and the coarsest step counts",
			[]value{{"1-0:1.8.1", "4.5", "kWh"}, {"1-0:1.8.2", "5.001", "kWh"}},
			func(s metering.Sample) bool { return s.Import == 9501*units.WattHour && s.Step == 100*units.WattHour }, "",
		},
		{
			"a stored value of last month is not the register",
			[]value{{"1-0:1.8.0*1", "7", "kWh"}},
			func(s metering.Sample) bool { return s.Has == 0 }, "",
		},
		{
			"the present value under *00, where there is no other",
			[]value{{"1.8.0*00", "783.16", "kWh"}, {"1.8.0*01", "700", "kWh"}},
			func(s metering.Sample) bool { return s.Import == 783160*units.WattHour && s.Has == metering.HasImport }, "",
		},
		{
			"*00 beside a present value is of the past",
			[]value{{"1.8.1*00", "20", "kWh"}, {"1.8.1", "21", "kWh"}},
			func(s metering.Sample) bool { return s.Import == 21*units.KilowattHour }, "",
		},
		{
			"the second channel of a meter is another",
			[]value{{"1-1:1.8.1", "21", "kWh"}, {"1-2:1.8.0", "3", "kWh"}},
			func(s metering.Sample) bool { return s.Import == 21*units.KilowattHour }, "",
		},
		{
			"present values as older meters write them",
			[]value{{"32.25", "234.5", "V"}, {"31.25", "1.5", "A"}},
			func(s metering.Sample) bool { return s.Voltage == 234_500 && s.Current == 1500 }, "",
		},
		{
			"power without a sign, of a meter that counts import only",
			[]value{{"1-0:1.8.0", "5", "kWh"}, {"1-0:15.7.0", "137.1", "W"}},
			func(s metering.Sample) bool { return s.Power == 137_100 }, "",
		},
		{
			"power without a sign, of a meter that counts export only",
			[]value{{"1-0:2.8.0", "5", "kWh"}, {"1-0:15.7.0", "137.1", "W"}},
			func(s metering.Sample) bool { return s.Power == -137_100 }, "",
		},
		{
			"power without a sign, and nobody knows which way it goes",
			[]value{{"1-0:1.8.0", "5", "kWh"}, {"1-0:2.8.0", "5", "kWh"}, {"1-0:15.7.0", "137.1", "W"}},
			func(s metering.Sample) bool { return !s.Gives(metering.HasPower) }, "",
		},
		{
			"a signed power beside one without",
			[]value{{"1-0:1.8.0", "5", "kWh"}, {"1-0:15.7.0", "137.1", "W"}, {"1-0:16.7.0", "-137.1", "W"}},
			func(s metering.Sample) bool { return s.Power == -137_100 }, "",
		},
		{
			"tariffs say what the sum was made of, and one that is lost makes another sum",
			[]value{{"1-0:1.8.2", "100", "kWh"}, {"1-0:2.8.1", "1", "kWh"}, {"1-0:2.8.2", "1", "kWh"}},
			func(s metering.Sample) bool { return s.ImportSum == 4 && s.ExportSum == 6 }, "",
		},
		{
			"the line of the power in is lost, and none goes out: that is no 0 W",
			[]value{{"1-0:1.8.0", "5", "kWh"}, {"1-0:2.8.0", "5", "kWh"}, {"1-0:2.7.0", "0", "kW"}},
			func(s metering.Sample) bool { return !s.Gives(metering.HasPower) && s.Power == 0 }, "",
		},
		{
			"the line of the power in is lost, and some goes out",
			[]value{{"1-0:1.8.0", "5", "kWh"}, {"1-0:2.8.0", "5", "kWh"}, {"1-0:2.7.0", "0.2", "kW"}},
			func(s metering.Sample) bool { return s.Gives(metering.HasPower) && s.Power == -200*units.Watt }, "",
		},
		{
			"gas is not electricity",
			[]value{{"0-1:1.8.0", "7", "kWh"}},
			func(s metering.Sample) bool { return s.Has == 0 }, "",
		},
		{
			"power in less power out",
			[]value{{"1-0:1.7.0", "0.5", "kW"}, {"1-0:2.7.0", "1.25", "kW"}},
			func(s metering.Sample) bool { return s.Power == -750*units.Watt }, "",
		},
		{
			"a signed power is better",
			[]value{{"1-0:16.7.0", "-321", "W"}, {"1-0:2.7.0", "1", "kW"}},
			func(s metering.Sample) bool { return s.Power == -321*units.Watt }, "",
		},
		{
			"phases make the total",
			[]value{{"1-0:21.7.0", "100", "W"}, {"1-0:41.7.0", "200", "W"}, {"1-0:61.7.0", "300", "W"}, {"1-0:62.7.0", "50", "W"}},
			func(s metering.Sample) bool {
				return s.Power == 550*units.Watt && len(s.Phases) == 3 && s.Phases[2].Power == 250*units.Watt
			}, "",
		},
		{
			"mean power is not the present one",
			[]value{{"1-0:1.4.0", "9", "kW"}, {"1-0:1.6.0", "9", "kW"}},
			func(s metering.Sample) bool { return s.Has == 0 }, "",
		},
		{
			"neutral current, frequency and reactive",
			[]value{{"1-0:91.7.0", "1.5", "A"}, {"1-0:14.7.0", "49.98", "Hz"}, {"1-0:3.7.0", "0.2", "kvar"}, {"1-0:4.7.0", "0.05", "kvar"}},
			func(s metering.Sample) bool {
				return s.NeutralCurrent == 1500 && s.Frequency == 49_980 && s.Reactive == 150_000
			}, "",
		},
		{"a register that is no number is a fault", []value{{"1-0:1.8.0", "12,5", "kWh"}}, nil, metering.UnknownReply},
		{"a voltage beyond any meter", []value{{"1-0:32.7.0", "5000", "V"}}, nil, metering.Range},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c Collector
			for _, v := range row.values {
				code, ok := Parse([]byte(v.code))
				if !ok {
					t.Fatal(v.code)
				}
				c.Number(v.code, code, v.v, v.unit)
			}
			got, err := c.Done("test")
			if metering.CodeOf(err) != row.fails {
				t.Fatalf("error %v", err)
			}
			if row.fails == "" && !row.check(got.Sample) {
				t.Errorf("%+v", got.Sample)
			}
			if len(got.Raw) != len(row.values) {
				t.Errorf("raw %+v", got.Raw)
			}
		})
	}
}

// The digits that a register is printed with tell where it begins again.
func TestARegisterThatPassesItsLastDigitIsNotTamperedWith(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	read := func(after time.Duration, value string) metering.Sample {
		var c Collector
		c.Printed()
		code, _ := Parse([]byte("1-0:1.8.0"))
		c.Number("1-0:1.8.0", code, value, "kWh")
		tg, err := c.Done("test")
		if err != nil {
			t.Fatal(err)
		}
		tg.Sample.At = at.Add(after)
		return tg.Sample
	}
	for _, row := range []struct {
		name, before, after string
		want                units.Energy
		kind                metering.EventKind
	}{
		{"past the last digit", "99999.99", "00000.01", 20 * units.WattHour, metering.RegisterWrapped},
		{"set back", "50000.00", "00000.01", 0, metering.RegisterBackwards},
		{"set back by a meter that prints no zeros", "99999.99", "0.01", 0, metering.RegisterBackwards},
		{"past it by more than can be", "99999.99", "00500.00", 0, metering.RegisterBackwards},
	} {
		r, _, _ := metering.Registers{}.Take(read(0, row.before), metering.DefaultLimits())
		_, c, events := r.Take(read(10*time.Second, row.after), metering.DefaultLimits())
		if c.Import != row.want || len(events) != 1 || events[0].Kind != row.kind {
			t.Errorf("%s: %v, %+v", row.name, c.Import, events)
		}
	}
}
