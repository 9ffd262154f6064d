package httpmeter

import (
	"bytes"
	"context"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/sml"
)

// heard is the last answer of a bridge that passes on what its meter sent.
type heard struct {
	body  []byte
	since time.Time // when it was another
}

// telegram asks once for what the meter sent last.
func (m *Meter) telegram(ctx context.Context) (metering.Sample, error) {
	op := "read " + redacted(m.cfg.URL)
	body, err := m.ask(ctx, op, m.cfg.URL)
	if err != nil {
		return metering.Sample{}, err
	}
	now := m.cfg.Now().UTC()
	// A file has a number of its own: the same one again is the same measurement.
	if !bytes.Equal(body, m.heard.body) || m.heard.since.IsZero() || now.Before(m.heard.since) {
		m.heard = heard{body, now}
	}
	told, errs := sml.Decode(body)
	switch {
	case len(told) == 0 && len(errs) > 0:
		return metering.Sample{}, errs[0]
	case len(body) == 0:
		return metering.Sample{}, metering.Fail(metering.Short, op, "look whether the reading head has a battery and sits on the meter", "the answer is empty")
	case len(told) == 0:
		return metering.Sample{}, metering.Fail(metering.UnknownReply, op, "check that the reading head is set to SML, and the address", "%d bytes hold no SML file", len(body))
	}
	if age := now.Sub(m.heard.since); age > m.age {
		return metering.Sample{}, metering.Fail(metering.Silent, op, "look whether the reading head has a battery and sits on the meter", "the same measurement is told for %v", age.Round(time.Second))
	}
	t := told[len(told)-1]
	t.Sample.At, t.Sample.Device = now, t.Meter
	t.Show(m.cfg.Seen)
	return t.Sample, nil
}
