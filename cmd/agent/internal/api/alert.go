package api

import "time"

// Alert is a message to people who are not looking at the page: the MQTT topic
// alert, and what a webhook is sent.
type Alert struct {
	ID       string        `json:"id"`   // the same for the same notices: who hears it twice knows
	Site     string        `json:"site"` // its id
	Name     string        `json:"name"` // for people
	At       time.Time     `json:"at"`
	Severity string        `json:"severity"` // of the worst notice that holds; info where all are over
	Subject  string        `json:"subject"`  // a line
	Text     string        `json:"text"`     // lines
	Notices  []AlertNotice `json:"notices"`  // worst first; none in a trial
}

// AlertNotice is one thing told.
type AlertNotice struct {
	Notice
	Over *time.Time `json:"over,omitempty"` // when it ended; left out while it holds
}
