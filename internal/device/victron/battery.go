package victron

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Parts of a battery, each a channel of its own: who steers it takes all.
const (
	Control = iota // closed: what it is told from outside counts (Hub4Mode 3)
	Told           // its level is what it was told, below zero to give
	Flow           // its power is what the battery takes
	Full           // how full it is
	Output         // its power is what hangs on the inverter's own output
	batteryParts
)

// BatteryParts is how many there are.
func BatteryParts() int { return batteryParts }

// external is the Hub4Mode in which the inverter does as it is told from outside; in the others it is an ESS by itself.
const (
	external = 3
	byItself = 1
)

// Battery is the battery of one GX device, with one inverter on one phase.  What that is told is what it draws
// from the grid (/Hub4/L1/AcPowerSetpoint), which is what the battery takes and what hangs on its output; told nothing for
// a minute it lets the battery rest.
type Battery struct {
	portal string
	vebus  int

	mu     sync.Mutex
	output float64 // W on its output
	knows  bool    // output was heard
	own    int     // the mode of before it was steered
	mode   bool    // the mode was heard
	asked  float64 // what was written last, W
	takes  units.Power
	told   bool // asked and takes are of something that was written
}

// NewBattery is the battery of a portal, whose inverter is an instance of vebus.
func NewBattery(portal string, vebus int) *Battery {
	return &Battery{portal: portal, vebus: vebus, own: byItself}
}

// Name implements device.Dialect.
func (d *Battery) Name() string { return "the battery of victron " + d.portal }

func (d *Battery) place(part int) string {
	return [...]string{
		"settings/0/Settings/CGwacs/Hub4Mode", fmt.Sprintf("vebus/%d/Hub4/L1/AcPowerSetpoint", d.vebus),
		"system/0/Dc/Battery/Power", "system/0/Dc/Battery/Soc", "system/0/Ac/ConsumptionOnOutput/L1/Power",
	}[part]
}

// Filters implements device.Dialect.
func (d *Battery) Filters(channels []int) (out []string) {
	for _, c := range channels {
		out = append(out, "N/"+d.portal+"/"+d.place(c))
	}
	return out
}

// Ask implements device.Dialect.
func (d *Battery) Ask(part int) (device.Message, bool) {
	return device.Message{Topic: "R/" + d.portal + "/" + d.place(part)}, true
}

// Wake implements device.Woken.
func (d *Battery) Wake() (device.Message, time.Duration) { return keepAlive(d.portal), keptAlive }

// Prepare implements device.Dialect.
func (*Battery) Prepare(int, time.Duration) (device.Message, bool) { return device.Message{}, false }

func (d *Battery) write(part int, value float64) device.Message {
	return device.Message{Topic: "W/" + d.portal + "/" + d.place(part), Payload: fmt.Appendf(nil, `{"value":%g}`, value)}
}

// Level implements device.Leveller: what the battery is to take is told first, and then that it counts.
func (d *Battery) Level(c device.Command) (m device.Message, only, ok bool) {
	p, ok := c.Level.Get()
	if !ok || !c.On {
		return device.Message{}, false, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes, d.asked, d.told = p, math.Round(p.W()+d.output), true
	on, known := c.Known.On.Get()
	return d.write(Told, d.asked), known && on, true
}

// Command implements device.Dialect: the mode is written where it changes, for it is kept in flash.
func (d *Battery) Command(c device.Command) (device.Message, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.On {
		return d.write(Control, external), ""
	}
	return d.write(Control, float64(d.own)), ""
}

// Own tells whether the mode was heard, so that what is written is not another than its own: it is kept.
func (d *Battery) Own() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mode
}

// Ready tells whether it is known what hangs on its output: without that nobody can say what the battery is to take.
func (d *Battery) Ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.knows
}

// Read implements device.Dialect.
func (d *Battery) Read(topic string, payload []byte, retained bool) (device.Fact, error) {
	part := -1
	for i := range batteryParts {
		if topic == "N/"+d.portal+"/"+d.place(i) {
			part = i
		}
	}
	if part < 0 || retained {
		return device.Fact{}, nil
	}
	v, err := valueOf(payload)
	if err != nil {
		return device.Fact{}, &device.Unread{Err: fmt.Errorf("%s: %w", topic, err), Remedy: "check that the portal is that of a GX device"}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := device.Contact{Channel: part, On: device.Tell(true)}
	switch {
	case v == nil:
		d.knows = d.knows && part != Output
		c = device.Contact{Channel: part, Unknown: true}
	case part == Control:
		c.On, d.mode = device.Tell(*v == external), true
		if *v == 1 || *v == 2 {
			d.own = int(*v)
		}
	case part == Told:
		level := units.FromW(*v - d.output)
		if d.told && *v == d.asked {
			level = d.takes
		}
		c.Level = device.Tell(level)
	case part == Full:
		if *v < 0 || *v > 105 {
			return device.Fact{}, &device.Unread{Err: fmt.Errorf("%s: a battery is not %g %% full", topic, *v), Remedy: "look at the battery's monitor"}
		}
		c.Charge = device.Tell(min(1000, int(math.Round(10**v))))
	case part == Output:
		d.output, d.knows = *v, true
		c.Power = device.Tell(units.FromW(*v))
	default:
		c.Power = device.Tell(units.FromW(*v))
	}
	return device.Fact{Contacts: []device.Contact{c}}, nil
}

// valueOf is the value of a message; nil where it says that nothing is there.
func valueOf(payload []byte) (*float64, error) {
	if len(payload) == 0 { // the system itself is gone
		return nil, nil //nolint:nilnil // nothing is a value here
	}
	var says struct {
		Value *float64 `json:"value"`
	}
	err := json.Unmarshal(payload, &says)
	if err == nil && says.Value == nil && !strings.Contains(string(payload), `"value"`) {
		err = errors.New("it has no value")
	}
	if err == nil && says.Value != nil && math.Abs(*says.Value) > 1e6 {
		err = fmt.Errorf("%g is no value of a house", *says.Value)
	}
	return says.Value, err
}
