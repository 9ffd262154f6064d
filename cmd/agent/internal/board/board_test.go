package board

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/driver"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/spi/spireg"
)

// The suite runs on machines with and without hardware: every kind of thing must
// have an answer, and nothing may be without a reason.
func TestThisMachine(t *testing.T) {
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, f := range b.Findings() {
		kinds[f.Kind]++
		if f.Outcome != Loaded && f.Reason == "" {
			t.Errorf("%+v has no reason", f)
		}
		if f.Outcome == Loaded && f.Name == "" {
			t.Errorf("%+v has no name", f)
		}
	}
	for _, k := range []string{KindDriver, KindGPIO, KindSPI, KindI2C, KindSerial} {
		if kinds[k] == 0 {
			t.Errorf("nothing is said about %s", k)
		}
	}
	again, err := Open()
	if err != nil || len(again.Findings()) != len(b.Findings()) {
		t.Errorf("opened twice, it finds %d things, then %d (%v)", len(b.Findings()), len(again.Findings()), err)
	}
	if chips, _ := os.ReadDir("/sys/class/gpio"); len(chips) == 0 && len(b.Chips()) == 0 {
		if _, err := b.Outputs("", []string{"GPIO17"}, 0); err == nil || !strings.Contains(err.Error(), "no GPIO chip") {
			t.Errorf("an output on a machine without GPIO: %v", err)
		}
		if _, err := b.SPI(""); err == nil {
			t.Error("an SPI port on a machine without any")
		}
		if _, err := b.I2C(""); err == nil {
			t.Error("an I2C bus on a machine without any")
		}
	}
}

// paper grants requests on paper.
type paper struct {
	asked  []string
	driven bool // the lines are outputs already
	levels gpio.GPIOValue
	err    error
}

type sheet struct{ levels gpio.GPIOValue }

func (s sheet) Out(_, _ gpio.GPIOValue) error               { return nil }
func (s sheet) Read(gpio.GPIOValue) (gpio.GPIOValue, error) { return s.levels, nil }
func (s sheet) Close() error                                { return nil }

func (p *paper) note(by string, r request) (Lines, error) {
	var numbers []int
	for _, l := range r.lines {
		numbers = append(numbers, l.Number)
	}
	p.asked = append(p.asked, fmt.Sprintf("%s %s %v output=%v first=%b pull=%v", by, r.chip.Name, numbers, r.output, r.first, r.pull))
	return sheet{p.levels}, p.err
}

func (p *paper) lineSet(r request) (Lines, error) { return p.note("lineset", r) }
func (p *paper) request(r request) (Lines, error) { return p.note("request", r) }

func (p *paper) outputs(request) (bool, error) { return p.driven, p.err }

func pi(k kernel) *Board {
	soc := Chip{Name: "gpiochip0", Label: "pinctrl-bcm2711", Path: "/dev/gpiochip0"}
	for n := range 58 {
		soc.Lines = append(soc.Lines, Line{Number: n, Name: fmt.Sprintf("GPIO%d", n)})
	}
	soc.Lines[3].Name = ""
	expander := Chip{Name: "gpiochip1", Label: "raspberrypi-exp-gpio", Path: "/dev/gpiochip1", Lines: []Line{{Number: 0, Name: "BT_ON"}, {Number: 1, Name: "17"}}}
	return &Board{chips: []Chip{soc, expander}, kernel: k}
}

func TestRequests(t *testing.T) {
	for _, tc := range []struct {
		name string
		ask  func(b *Board) error
		want string
		err  string
	}{
		{
			"a relay that begins open", func(b *Board) error { _, err := b.Outputs("pinctrl-bcm2711", []string{"GPIO17"}, 0); return err },
			"lineset gpiochip0 [17] output=true first=0 pull=PullNoChange", "",
		},
		{
			"a low-active relay must begin high", func(b *Board) error { _, err := b.Outputs("", []string{"GPIO17", "GPIO27"}, 0b11); return err },
			"request gpiochip0 [17 27] output=true first=11 pull=PullNoChange", "",
		},
		{
			"a line without a name", func(b *Board) error { _, err := b.Outputs("gpiochip0", []string{"3"}, 0); return err },
			"request gpiochip0 [3] output=true first=0 pull=PullNoChange", "",
		},
		{
			"feedback with a pull", func(b *Board) error { _, err := b.Inputs("/dev/gpiochip0", []string{"22"}, "up"); return err },
			"lineset gpiochip0 [22] output=false first=0 pull=PullUp", "",
		},
		{
			"a name goes before a number", func(b *Board) error {
				_, err := b.Inputs("raspberrypi-exp-gpio", []string{"17"}, "")
				return err
			},
			"lineset gpiochip1 [1] output=false first=0 pull=PullNoChange", "",
		},
		{
			"on several chips", func(b *Board) error { _, err := b.Outputs("", []string{"0"}, 0); return err },
			"", "several chips",
		},
		{
			"no such chip", func(b *Board) error { _, err := b.Outputs("pinctrl-rp1", []string{"GPIO17"}, 0); return err },
			"", `no GPIO chip "pinctrl-rp1"; there is pinctrl-bcm2711, raspberrypi-exp-gpio`,
		},
		{
			"no such line", func(b *Board) error { _, err := b.Outputs("pinctrl-bcm2711", []string{"GPIO99"}, 0); return err },
			"", `pinctrl-bcm2711 has no line "GPIO99"`,
		},
		{
			"one line twice", func(b *Board) error { _, err := b.Outputs("pinctrl-bcm2711", []string{"GPIO17", "17"}, 0); return err },
			"", "the same line",
		},
		{
			"no line at all", func(b *Board) error { _, err := b.Outputs("", nil, 0); return err },
			"", "0 GPIO lines",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &paper{}
			err := tc.ask(pi(p))
			if got := strings.Join(p.asked, ";"); got != tc.want {
				t.Errorf("asked %q, want %q", got, tc.want)
			}
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

func TestPresent(t *testing.T) {
	p := &paper{driven: true, levels: 0b10}
	v, ok, err := pi(p).Present("", []string{"GPIO17", "GPIO27"})
	if err != nil || !ok || v != 0b10 || len(p.asked) != 1 || p.asked[0] != "request gpiochip0 [17 27] output=false first=0 pull=PullNoChange" {
		t.Errorf("outputs: %b, %v, %v, asked %q", v, ok, err, p.asked)
	}
	p = &paper{levels: 0b10}
	if v, ok, err = pi(p).Present("", []string{"GPIO17", "GPIO27"}); err != nil || ok || v != 0 || len(p.asked) != 0 {
		t.Errorf("inputs, one pulled up: %b, %v, %v, asked %q", v, ok, err, p.asked)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	_, err := pi(&paper{err: os.ErrPermission}).Outputs("", []string{"GPIO17"}, 0)
	if err == nil || !strings.Contains(err.Error(), "GPIO17 of pinctrl-bcm2711") || !strings.Contains(err.Error(), "group") {
		t.Errorf("%v", err)
	}
}

type named string

func (n named) String() string        { return string(n) }
func (named) Prerequisites() []string { return nil }
func (named) After() []string         { return nil }
func (named) Init() (bool, error)     { return true, nil }

func TestFindingsOfAFullMachine(t *testing.T) {
	b := pi(&paper{})
	b.drivers = drivers(&driverreg.State{
		Loaded:  []driver.Impl{named("sysfs-spi")},
		Skipped: []driverreg.DriverFailure{{D: named("bcm283x"), Err: errors.New("bcm283x CPU not detected")}},
		Failed:  []driverreg.DriverFailure{{D: named("ioctl-gpio"), Err: os.ErrPermission}},
	})
	b.spi = func() []*spireg.Ref { return []*spireg.Ref{{Name: "/dev/spidev0.0"}} }
	b.i2c = func() []*i2creg.Ref { return nil }
	b.serial = func() ([]string, error) { return []string{"/dev/ttyUSB1", "/dev/ttyUSB0"}, nil }
	var got []string
	for _, f := range b.Findings() {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", f.Kind, f.Name, f.Outcome, f.Detail)))
	}
	want := []string{
		"driver bcm283x skipped", "driver ioctl-gpio failed", "driver sysfs-spi loaded",
		"gpio /dev/gpiochip0 loaded pinctrl-bcm2711, 58 lines", "gpio /dev/gpiochip1 loaded raspberrypi-exp-gpio, 2 lines",
		"spi /dev/spidev0.0 loaded", "i2c  skipped",
		"serial /dev/ttyUSB0 loaded", "serial /dev/ttyUSB1 loaded",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b.serial = func() ([]string, error) { return nil, errors.New("broken") }
	if fs := b.Findings(); !slices.ContainsFunc(fs, func(f Finding) bool { return f.Kind == KindSerial && f.Outcome == Failed && f.Reason == "broken" }) {
		t.Error("a broken listing of ports is not told")
	}
}
