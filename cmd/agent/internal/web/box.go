package web

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/said"
)

// Box is what the page of settings needs of the machine and of its configuration.  Its methods
// may be called from many goroutines at once.
type Box interface {
	// File is the name of the configuration; "" where there is none to edit.
	File() string
	// Recipients are those who are told what is wrong, besides the page, in the file's order.
	Recipients() []Recipient
	// Quiet are the hours in which only what is critical is told, as they are written; "" none.
	Quiet() string
	// Try sends one of them a trial message; ErrUnknown where there is none of that name.
	Try(ctx context.Context, name string) error
	// Appliances are those of the configuration, in its order.
	Appliances() []Appliance
	// SetAppliance keeps what is set of one of them, which holds from the next start on; the faults
	// are those that the configuration would have with it, and nothing is kept then.  ErrUnknown
	// where there is none of that id.
	SetAppliance(id string, x ApplianceSet) (fault.List, error)
	// ResetAppliance has the configuration hold for it again.
	ResetAppliance(id string) error
	// Examine looks at the machine, the meter and the records, and changes nothing.
	Examine(ctx context.Context) []Finding
	// Backup writes a backup to a file that is gone after done.  Without a passphrase there
	// are no keys in it.
	Backup(ctx context.Context, passphrase string) (file string, done func(), err error)
	// Changed keeps for the record what was set.
	Changed(ctx context.Context, says said.Said)
}

// Recipient is somebody who is told what is wrong.
type Recipient struct {
	Name, Way, Least string // Way is "mail", "ntfy", "telegram", "webhook" or "mqtt"
	Line             int    // of the configuration; 0: not known
}

// ApplianceSet is what can be set of an appliance, as a person writes it.
type ApplianceSet struct {
	Hours string `json:"hours"` // in which it may run: "22:00-06:00, 12:00-14:00"; "" always
	Ready string `json:"ready"` // by which its need must be done; "" by the end of the day
	Class string `json:"class"` // how much it matters, of package loads; "" not at all: it is only measured
	Order string `json:"order"` // within it: 0 is the most important
	Out   bool   `json:"out"`   // it is left out
}

// Appliance is a load as it is in force.
type Appliance struct {
	ID, Name string
	Now      ApplianceSet
	Set      ApplianceSet // what holds from the next start on; the same as Now where nothing was set since
	Laid     bool         // Set is not what the configuration says
	Timed    bool         // it has hours that can be set
	Days     string       // on which it is needed; "" on each
	Kind     string       // what a utility calls such a load, with the key; "" nothing
	Line     int          // of the configuration; 0: not known
}

// Class is how much it is to matter.
func (a Appliance) Class() string { return a.Set.Class }

// Waits tells whether something was set that does not hold yet.
func (a Appliance) Waits() bool { return a.Set != a.Now }

// Finding is one thing that was looked at, in English.
type Finding struct {
	Level       string // "good", "low" or "bad"
	What, Where string
	Says, Next  string
}

// What bounds the work of the page of settings.
const (
	tryWithin     = 25 * time.Second // to send trial messages: below the server's own patience
	examineWithin = 2 * time.Minute
	backupWithin  = 10 * time.Minute
)
