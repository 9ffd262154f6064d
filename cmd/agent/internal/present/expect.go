package present

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
)

// Expected is what somebody has told of the use in a time.
type Expected struct {
	N        int // by which it is taken back
	What     string
	From, To time.Time
	Energy   units.Energy // used on top; 0 of any other
	By       string
	Since    time.Time
	Says     string // in words
}

// Expected is what is told of now and of times to come.
func (p Plain) Expected(st *control.State) (out []Expected) {
	for _, e := range st.Expecting() {
		out = append(out, Expected{N: e.N, What: string(e.What), From: e.From, To: e.To, Energy: e.Energy, By: e.By, Since: e.Since, Says: p.Say(e.Says())})
	}
	return out
}
