package ocpptest

import (
	"context"
	"net"
	"time"
)

// Traps are what stations do otherwise.
type Traps struct {
	NoBoot        bool          // it connects again without introducing itself, and never does unasked
	OnlyValues    bool          // connected again it says nothing of itself: its meter values alone tell that a transaction runs
	NoProtocol    bool          // it offers no subprotocol
	AsksFirst     bool          // it asks something itself before it answers, and waits for that
	OldStatuses   bool          // a state comes once more, late, with the time it had
	ZeroStatuses  bool          // it says with each state that the station as a whole (connector 0) is free
	StopsPaused   bool          // it ends the transaction when it is paused
	StopsItself   time.Duration // it ends the transaction by itself after so long, and begins no other but from afar; 0: never
	NoStop        bool          // it says that nothing is plugged in any more, and not that the transaction is over
	Repeats       bool          // the first answer to the beginning of a transaction is lost to it, and it tells it again
	Keeps         bool          // what it could not tell of a transaction it tells later, with the time it had
	Dies          time.Duration // a connection says and hears nothing any more after so long, and stays open; 0: never
	NeedsPing     time.Duration // a connection on which it hears no ping for so long is over for it; 0: it needs none
	Unit          string        // what it says of the units that it takes; "" says nothing
	OnlyAmperes   bool          // a limit in W is refused
	OnlyWatts     bool          // a limit in A is refused
	ThreePhases   bool          // a limit in W is divided by three where it is not told on how many phases
	NoPhases      bool          // it refuses to be told the number of phases
	NoAbsolute    bool
	NoRelative    bool
	OneStack      bool // it refuses levels above 0, whatever it says
	TopStack      bool // it takes any level, and follows its highest alone
	OnePeriod     bool // it refuses more than one, and says so
	Measurands    int  // it takes so many at most; 0: any number
	FixedValues   bool // what it measures cannot be told
	AskedValues   bool // it sends values once it was told how often
	Quotes        bool // its values have quotes and blanks
	NoReadBack    bool // it knows no composite schedule
	NoTrigger     bool
	NoKeys        bool // it knows no GetConfiguration
	LowerCaseKeys bool
	Cable         float64 // A that the cable carries; 0: 32
	Mute          bool    // it sends no meter values after the car is unplugged, nor a last one
	Tag           string  // it begins no transaction but with this, from afar
}

// Pace is how the station lives.
type Pace struct {
	Tick     time.Duration // it looks what has changed
	Beat     int           // ticks between two heartbeats
	Values   int           // ticks between two meter values
	Patience time.Duration // an answer is waited for
	Again    time.Duration // until it connects again
	// Dial, where not nil, makes its connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Quick is the pace of a test in real time.
func Quick() Pace {
	return Pace{Tick: 10 * time.Millisecond, Beat: 5, Values: 10, Patience: 300 * time.Millisecond, Again: 20 * time.Millisecond}
}

// Usual is that of a station at home.
func Usual() Pace {
	return Pace{Tick: time.Second, Beat: 300, Values: 30, Patience: 25 * time.Second, Again: 10 * time.Second}
}
