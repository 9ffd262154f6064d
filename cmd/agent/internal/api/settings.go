package api

import "time"

// Settings is what is set on the page of settings.
type Settings struct {
	Language string `json:"language"` // of who has not chosen one
	Reading  string `json:"reading"`  // open or closed

	// Who is told what is wrong, besides the page.
	Alerts []AlertWay `json:"alerts"`
}

// AlertWay is somebody who is told what is wrong.
type AlertWay struct {
	Name  string `json:"name"`
	Way   string `json:"way"`   // mail, ntfy, telegram, webhook or mqtt
	Least string `json:"least"` // severity that is told
}

// Set is what is to be set; what is left out stays.
type Set struct {
	Language string `json:"language,omitempty"` // such as sw
	Reading  string `json:"reading,omitempty"`  // open or closed
}

// LoadSettings are the loads with what is set of them.
type LoadSettings struct {
	Loads []LoadSetting `json:"loads"`
}

// LoadSetting is a load with what is set of it.
type LoadSetting struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Now  LoadHolds `json:"now"`  // what holds
	Next LoadHolds `json:"next"` // what holds from the next start on
	Laid bool      `json:"laid"` // next is not what the configuration says
}

// LoadHolds is what is set of a load.
type LoadHolds struct {
	Hours string `json:"hours"` // in which it may run, such as 22:00-06:00, 12:00-14:00; empty: always
	Ready string `json:"ready"` // by which its need must be done; empty: by the end of the day
	Class string `json:"class"` // how much it matters, as in the configuration; empty: it is only measured
	Order string `json:"order"` // within the class; 0 is the most important
	Used  bool   `json:"used"`  // false: it is left out
}

// SetLoad is what is to be set of a load; what is left out stays.
type SetLoad struct {
	Hours *string `json:"hours,omitempty"` // as in LoadHolds
	Ready *string `json:"ready,omitempty"` // as in LoadHolds
	Class *string `json:"class,omitempty"` // as in LoadHolds
	Order *string `json:"order,omitempty"` // as in LoadHolds
	Used  *bool   `json:"used,omitempty"`  // false: it is left out
}

// Trial asks for a trial message.
type Trial struct {
	To string `json:"to,omitempty"` // a recipient's name; left out: all of them
}

// Trials is what became of trial messages.
type Trials struct {
	Tried []Tried `json:"tried"`
}

// Tried is what became of one of them.
type Tried struct {
	Name string `json:"name"` // the recipient's
	Sent bool   `json:"sent"`
	Why  string `json:"why,omitempty"` // it was not
}

// Programs are those that may use the API by a token of their own.
type Programs struct {
	Programs []Program `json:"programs"`
}

// Program is one of them.
type Program struct {
	Name   string     `json:"name"`
	Scopes []string   `json:"scopes"` // some of read, control, top-up, settings
	Made   time.Time  `json:"made"`
	Used   *time.Time `json:"used"` // last, within an hour; null: never
}

// LetIn asks for a token for a program.
type LetIn struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"` // some of read, control, top-up, settings
}

// Admitted is a program that was let in.
type Admitted struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	Token  string   `json:"token"` // to be shown as a bearer token; it is told this once
}
