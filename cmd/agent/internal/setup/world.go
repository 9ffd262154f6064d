package setup

import (
	"context"

	"github.com/keeplit/keeplit/internal/fault"
)

// World is what the questions may ask of the machine around them.
type World struct {
	Zone string // the machine's time zone, an IANA name; "" where it is not known
	// There tells whether a file named beside the configuration exists.
	There func(name string) bool
	// Read is the text of a file named beside the configuration.
	Read func(name string) ([]byte, error)
	// Free is what is wrong with a TCP port to listen on.
	Free func(port int) error
	// Ports are the machine's serial ports.
	Ports func() []string
	// Heard are the meters that speak on the draft's broker.
	Heard func(ctx context.Context, d Draft) ([]Heard, error)
	// Faults is everything wrong with the draft.
	Faults func(d Draft) fault.List
	// Try asks the draft's meter, broker, InfluxDB or the switch of a load once.
	Try func(ctx context.Context, d Draft, what string) Tried
	// Over switches a load of the draft over and back again.
	Over func(ctx context.Context, d Draft, load string) Tried
	// Hash is what the configuration keeps of a PIN.
	Hash func(pin string) (string, error)
	// Random fills b with random bytes that nobody can guess.
	Random func(b []byte)
}

// Draft is a configuration and the secret files beside it, none of it written yet.
type Draft struct {
	Text  string
	Files map[string]string
}

// Heard is a meter that was heard on a broker.
type Heard struct{ Kind, Name, Shows string }

// Tried is what came of asking something.
type Tried struct {
	Answers bool
	Says    string
	Next    string // what to do; "" where there is nothing
}
