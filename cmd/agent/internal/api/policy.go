package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// Limited is the limit that a utility has set.
type Limited struct {
	State  string     `json:"state"`   // init, limited, unlimited, failsafe or autonomous: docs/policy.md
	LimitW *float64   `json:"limit_w"` // null: none
	By     string     `json:"by,omitempty"`
	Event  string     `json:"event,omitempty"`
	From   *time.Time `json:"from"`
	Until  *time.Time `json:"until"` // null: until it is taken back
}

// limitedOf is nil where no utility limits the site.
func limitedOf(l picture.Limited) *Limited {
	if l.State == "" {
		return nil
	}
	a := &Limited{State: l.State, By: l.By, Event: l.Event, From: At(l.From), Until: At(l.Until)}
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
