package present

import (
	"math"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/heat"
)

// Water is what is known of the water of a load of kind heat.
type Water struct {
	Known   bool    // else nobody can tell how hot it is
	Showers float64 // that it is hot enough for
	Doubt   heat.Doubt
	Must    bool          // it is heated now whatever it costs
	Within  time.Duration // it must be hot once within so long
}

func waterOf(l loads.Load, p loads.Progress, now time.Time) *Water {
	if l.Kind != loads.Heat {
		return nil
	}
	w := &Water{Doubt: l.Doubt(p, now), Must: l.MustHeat(p, now), Within: l.Tank.Within}
	if p.Heat != nil && !p.Heat.Full.IsZero() && w.Doubt != heat.Unseen && w.Doubt != heat.Lost {
		w.Known, w.Showers = true, heat.Showers(l.Tank.Left(*p.Heat, now))
	}
	return w
}

// Water says for how much hot water there is, and why it is heated where that is not by
// what is usually drawn; "" for a load that heats none.
func (p Phrases) Water(w *Water) string {
	if w == nil {
		return ""
	}
	c, out := p.Words, ""
	switch n := int(math.Round(w.Showers)); {
	case !w.Known:
		out = c.T("water.unknown")
	case n == 0:
		out = c.T("water.none")
	case n == 1:
		out = c.T("water.single")
	default:
		out = c.T("water.showers", "n", strconv.Itoa(n))
	}
	if w.Doubt != heat.Sure {
		out += " " + c.T("water."+string(w.Doubt))
	}
	if w.Must {
		out += " " + c.T("water.must", "time", p.Duration(w.Within))
	}
	return out
}
