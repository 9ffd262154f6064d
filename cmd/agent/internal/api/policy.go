package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// Limited is a limit of what may be drawn.
type Limited struct {
	Source string     `json:"source"`  // whose it is: signed, event, contact, mqtt, openadr or openadr_event
	State  string     `json:"state"`   // init, limited, unlimited, failsafe or autonomous: docs/policy.md
	LimitW *float64   `json:"limit_w"` // null: none
	By     string     `json:"by,omitempty"`
	Event  string     `json:"event,omitempty"`
	From   *time.Time `json:"from"`
	Until  *time.Time `json:"until"`           // null: until it is taken back
	Loads  []string   `json:"loads,omitempty"` // of which the sum counts; absent: all that is drawn
}

// limitsOf are all who may limit what is drawn.
func limitsOf(all []picture.Limited) (out []Limited) {
	for _, l := range all {
		if a := limitedOf(l); a != nil {
			out = append(out, *a)
		}
	}
	return out
}

// limitedOf is nil where nobody limits the site.
func limitedOf(l picture.Limited) *Limited {
	if l.State == "" {
		return nil
	}
	a := &Limited{Source: l.Source, Loads: l.Loads, State: l.State, By: l.By, Event: l.Event, From: At(l.From), Until: At(l.Until)}
	if l.Limit > 0 {
		w := l.Limit.W()
		a.LimitW = &w
	}
	return a
}

// PolicyState is what a site says of its utility's word: retained, policy/state.
type PolicyState struct {
	Site      string       `json:"site"`
	Issuer    string       `json:"issuer"`
	Audiences []string     `json:"audiences"`
	Streams   []string     `json:"streams"`
	Key       string       `json:"key"`  // public, that the acknowledgements are signed with
	Keys      uint64       `json:"keys"` // version of the key set; 0: none
	Epoch     uint64       `json:"epoch"`
	Seen      []PolicySeen `json:"seen"`
	Waiting   int          `json:"waiting"` // acknowledgements that were not confirmed
	Dropped   uint64       `json:"dropped"` // acknowledgements given up
	// Control is absent where no utility disconnects the site.
	Control *PolicyControl `json:"control,omitempty"`
}

// PolicyControl is the supply as the DLMS disconnect control has it (interface class 70).
type PolicyControl struct {
	State int `json:"state"` // 0 disconnected, 1 connected, 2 ready for reconnection
	Mode  int `json:"mode"`
}

// PolicySeen is the last number of a stream.
type PolicySeen struct {
	Audience string `json:"aud"`
	Stream   string `json:"stream"`
	Seq      uint64 `json:"seq"`
}
