package main

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/config"
)

// supplyRules is how the configuration wants the supply cut.
func supplyRules(c config.Supply) control.SupplyRules {
	r := control.SupplyRules{
		Contactor: c.Contactor(), Limit: c.Limit, Breaks: c.Breaks, Local: c.Local(), Behind: c.Behind, TamperCuts: c.Tamper == config.TamperCut,
	}
	if d := c.Switch.DeadMan; d != nil {
		r.DeadMan = *d
	}
	for _, s := range c.Shed {
		r.Shed = append(r.Shed, control.ShedRule{Below: s.Below, Priority: s.Priority})
	}
	return r
}
