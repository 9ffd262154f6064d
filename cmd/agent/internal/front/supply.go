package front

import (
	"context"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
)

// heardSupply is the customer's word about the supply: open is their own main
// switch, close takes it back or closes an armed supply.  Neither gives power
// that there is no credit for.
func (a *Agent) heardSupply(ctx context.Context, m broker.Message) error {
	kind := control.RequestKind("")
	switch word := strings.TrimSpace(string(m.Payload)); word {
	case "open":
		kind = control.SupplyOff
	case "close":
		kind = control.Reconnect
		if a.loop.Snapshot().State.Supply.Off {
			kind = control.SupplyOn
		}
	default:
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.40q is not one of open and close", word))
	}
	_, err := a.loop.Feed(ctx, control.Input{Request: &control.Request{Kind: kind, By: "mqtt"}})
	return err
}
