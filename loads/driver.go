package loads

import (
	"context"
	"log/slog"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Driver is a kind of switch that the program can work.  It lives in the folder
// of its kind, with its settings, their checks and its protocol; a program has a
// list of them.
type Driver struct {
	// Name is what a switch's driver says.
	Name string
	// New makes settings with their defaults.
	New func() Settings
}

// Settings are a driver's own keys of a SwitchDocument: a pointer to a struct
// with yaml tags.
type Settings interface {
	// Check is everything wrong with the settings.
	Check() fault.List
	// Traits are what is known of the switch before it is opened.
	Traits() Traits
	// Open builds the switch.  Only where it needs the machine is anything opened
	// before Run, and that is left with Env.Machine.
	Open(e Env) (Switch, error)
}

// Traits are what the site must know of a switch before it is opened.  Zero is a
// switch of this machine that tells its real state and falls open without the
// agent.
type Traits struct {
	// Of names what is switched among all that the driver can switch, such as
	// "relay 0 of plug"; empty where it is not known.  It can be of one load only, and so
	// can what is told besides, which is in Also.
	Of      string
	Also    string
	Needs   Needs
	Remote  bool // it hangs on a network: it answers late, and stays as it is without the agent
	Latches bool // it stays as it is without the agent
	Blind   bool // it cannot tell its real state
	Powers  bool // it can be told a power
	// Told: it is set up to be told a power, which only a load of kind power has.
	Told bool
	// Hold is the least time for which its device is to stay as it is: no minimum time of
	// the load is shorter.
	Hold time.Duration
	// Serial is the serial device that it opens for itself; empty: none.
	Serial string
	// Measures: it says what the load draws, where its device can.
	Measures bool
	// Stores: it can steer a battery.
	Stores bool
	// Deaf: it is set up to be measured and not to be told anything, as only a load of
	// kind measured is.
	Deaf bool
	// Amperes: it is told, or tells, a current, which is a power only on known phases.
	Amperes bool
	// Renewable: the device drops the load by itself where it is not told On
	// again in time.
	Renewable bool
	DeadMan   *time.Duration // that time as the configuration has it; nil: it says nothing
}

// Needs is what a driver cannot do without.
type Needs uint8

// What a driver may need.
const (
	NeedsBroker     Needs = 1 << iota // it is reached over the site's MQTT broker
	NeedsMachine                      // it hangs on pins of this machine
	NeedsSimulation                   // it is part of a simulated site
	NeedsStations                     // it is a charging station, which calls the program
)

// Env is what a driver is given of the program around it.
type Env struct {
	ID      string        // of the load that is switched, or SupplyID
	DeadMan time.Duration // the load is to drop by itself where On is not said again for so long; 0: never
	// Store is what a load of kind battery holds, takes and gives; zero of any other.
	Store Store
	// Powers are what the load can be told to draw, and PerAmpere what an ampere of it
	// is; none and 0 for what is only on or off.
	Powers    []PowerRange
	PerAmpere units.Power
	Phases    int // on which the load hangs; 0: not known
	Now       func() time.Time
	Log       *slog.Logger
	MQTT      *device.Pool // the devices on the broker, which the program runs; nil without one
	Machine   Machine      // opened when something is asked of it
	Plant     Plant        // nil without a simulation
	Buses     Buses        // opened when something is asked of them
	Stations  Stations     // nil where nobody listens to stations
}

// Buses are the Modbus lines and connections that switches hang on, several on one.
type Buses interface {
	// Bus is the one at a port.  It is opened when it is first asked, and again after it broke.
	Bus(at BusAt) (Bus, error)
}

// BusAt is a line and how it is set.
type BusAt struct {
	Port   string // a serial device, or host:port
	RTU    bool   // else Modbus TCP
	Baud   int
	Parity string // none, even or odd
}

// Bus carries one question at a time.  It may be used from several goroutines.
type Bus interface {
	// Ask is the answer of a unit to a question, both without address and check sum, and
	// of the form that the question asks for.
	Ask(ctx context.Context, unit byte, pdu []byte, patience time.Duration) ([]byte, error)
}

// Stations are the charging stations that call the program by themselves, which listens to
// them for all loads together.
type Stations interface {
	// Connector is the switch of a connector; e is what its driver is given of the load.
	Connector(at Connector, e Env) (Switch, error)
}

// Connector is where a car is plugged in.
type Connector struct {
	Station  string
	Number   int // of the station's, from 1
	Password string
	Tag      string   // with which a transaction is begun where none runs; empty: none is begun
	Tags     []string // that may begin one; none: any
	Stale    time.Duration
	Forward  *Forward // nil: as all stations
}

// Pins open GPIO lines by name or number.  The chip is named by its label, name
// or path, or may be empty where only one chip has the lines.
type Pins interface {
	// Outputs have the levels of first from the beginning.
	Outputs(chip string, lines []string, first gpio.GPIOValue) (Lines, error)
	// Inputs have a pull: up, down or none.
	Inputs(chip string, lines []string, pull string) (Lines, error)
	// Present is the levels that lines have as outputs now; ok is false where any
	// of them is not an output.
	Present(chip string, lines []string) (levels gpio.GPIOValue, ok bool, err error)
}

// Lines is a set of GPIO lines requested together; bit i is line i in the order
// of the request, a mask of 0 means all lines.
type Lines interface {
	Out(bits, mask gpio.GPIOValue) error
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
	Close() error
}

// PWM is a channel of pulse-width modulation.
type PWM interface {
	// Write has it run: high for so long of each period.
	Write(period, high time.Duration) error
	// Read is what it does; on is false where it stands still.
	Read() (period, high time.Duration, on bool, err error)
}

// Machine is the hardware that a driver may ask for.
type Machine interface {
	Pins
	// PWM is a channel of a chip, named by its device or as the kernel numbers it; empty where there is
	// only one.  Nothing is opened or moved before it is written or read.
	PWM(chip string, channel int) PWM
	// Closes has close called when the program ends.
	Closes(close func() error)
}

// Plant is a simulated site: its appliances and its supply are switches.
type Plant interface {
	Supply() Switch
	Switch(id string) (s Switch, ok bool)
}
