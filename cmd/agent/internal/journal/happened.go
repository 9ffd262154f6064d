package journal

import (
	"encoding/json"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// saidOf is what an event says as kinds and values, beside its text in the language of the site at that time: who
// reads it later has a language of their own.
type saidOf struct {
	Subject string    `json:"subject,omitempty"`
	Says    said.Said `json:"says"`
}

// happened is what is stored of an event's kinds and values; nil where it says nothing.
func happened(subject string, says said.Said) []byte {
	if len(says) == 0 {
		return nil
	}
	b, err := json.Marshal(saidOf{subject, says})
	if err != nil {
		return nil // its text is stored as well
	}
	return b
}

// Happened is what a stored event says, in the words of who reads it: those that it was stored with where an older
// program has stored nothing else, or a newer one something that has no words here.
func Happened(words present.Plain, e store.Event) string {
	var x saidOf
	if len(e.Data) == 0 || json.Unmarshal(e.Data, &x) != nil || len(x.Says) == 0 || !words.Knows(x.Says) {
		return e.Text
	}
	return words.Event(control.Event{Subject: x.Subject, Says: x.Says})
}
