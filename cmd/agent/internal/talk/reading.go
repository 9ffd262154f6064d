package talk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
)

// heardReading is what somebody, or something, has read on the utility's meter.
func (a *Agent) heardReading(ctx context.Context, m broker.Message) error {
	if _, err := a.reading(m); err == nil {
		if err := a.paces.reading.wait(ctx); err != nil {
			return err
		}
	}
	r, err := a.reading(m)
	if err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.200s", err))
	}
	if err := a.read(ctx, r); err != nil && ctx.Err() == nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.300s", err))
	}
	return ctx.Err()
}

// reading is the reading that a message tells.  One that has its own time may be of any
// age; one without is of now, as an order is.
func (a *Agent) reading(m broker.Message) (r api.MeterReading, err error) {
	body := bytes.TrimSpace(m.Payload)
	if bytes.HasPrefix(body, []byte("{")) {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields() // a word that is passed over may be the one that matters, such as left
		if err := d.Decode(&r); err != nil {
			return r, fmt.Errorf("%w: it is not the JSON of a reading: %w", errOrder, err)
		}
		if rest := bytes.TrimSpace(body[d.InputOffset():]); len(rest) > 0 {
			return r, fmt.Errorf("%w: after the JSON of a reading stands %.20q", errOrder, rest)
		}
		if r.At = strings.TrimSpace(r.At); r.At != "" {
			return r, nil
		}
		m.Payload = []byte(r.Shown)
	}
	r.Shown, err = order(m, a.loop.Snapshot().State.Now)
	return r, err
}
