package simulate

import (
	"errors"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
)

// Shown is a world as an agent can be run in it while somebody looks: its configuration, and what
// its people do.
type Shown struct {
	Config config.Config
	Below  units.Money // they top up where less is left; in kWh where credit is energy
	Amount units.Money // by so much
}

// Why a world cannot be shown.
var (
	ErrPrices = errors.New("its prices are sent each evening, and the demo has nobody who sends them")
	ErrBase   = errors.New("its base load is a recording")
	ErrTank   = errors.New("the demo's house has no tank")
)

// Shown is the world for the demo.  Outages of the grid and the vendor's hours are left out.
func (w *World) Shown() (Shown, error) {
	switch {
	case w.Prices != nil:
		return Shown{}, ErrPrices
	case w.Base.File != "":
		return Shown{}, ErrBase
	}
	s := Shown{Config: w.config()}
	c := &s.Config
	c.Simulation.PerDay, c.Simulation.Plants = w.Base.Daily, map[string]string{}
	for _, l := range w.Loads {
		if l.Plant.Kind == "tank" {
			return Shown{}, ErrTank
		}
		c.Simulation.Plants[l.ID] = string(l.Plant.Kind)
	}
	for _, t := range w.TopUps {
		if t.Below > 0 {
			s.Below, s.Amount = t.Below, t.Amount
			break
		}
	}
	if s.Amount == 0 { // they buy on days
		s.Below = units.One
		if len(w.TopUps) > 0 {
			s.Amount = w.TopUps[0].Amount
		}
	}
	return s, nil
}
