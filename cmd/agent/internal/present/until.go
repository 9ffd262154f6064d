package present

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
)

// Until is a person's wish that the credit lasts until an instant, and what becomes
// of it.
type Until struct {
	At    time.Time // zero: there is no such wish
	By    string    // the way it came
	Since time.Time
	Known bool // false: no plan knows of it yet, and of the rest nothing
	Lasts bool // in nine of ten futures
	Sure  int  // in so many futures of 100
	Ends  time.Time
	// Buy is the smallest top-up with which it lasts, Keep that with which nothing is
	// left out; 0: none is needed.  A false says that no one top-up is enough.
	Buy, Keep       units.Money
	BuyMay, KeepMay bool
	Given           []GivenUp
}

// GivenUp is what a load does without for it, or waits for.
type GivenUp struct {
	ID, Name string
	At       time.Time // when it would have run
	Time     time.Duration
	Energy   units.Energy
	Later    bool // it runs after it
}

// UntilOf is the wish of a State.
func UntilOf(site *control.Site, st *control.State) Until {
	l, ok := site.Lasting(st)
	if !ok {
		return Until{}
	}
	u := Until{At: l.At, By: l.By, Since: l.Since, Known: l.Known}
	if !l.Known {
		return u
	}
	u.Lasts, u.Ends = l.Lasts, l.Ends
	u.Sure = min(99, int(l.Sure*100+1e-6)) // nothing is ever sure
	u.Buy, u.BuyMay, u.Keep, u.KeepMay = l.Buy, l.BuyMay, l.Keep, l.KeepMay
	for _, g := range l.Given {
		name := g.ID
		for _, x := range site.Loads {
			if x.ID == g.ID {
				name = x.Name
			}
		}
		u.Given = append(u.Given, GivenUp{g.ID, name, g.At, g.Time, g.Energy, g.Later})
	}
	return u
}

// UntilText is a wish in words.
type UntilText struct {
	Level string   // "good", "low", or "" while it is not known
	Lines []string // what becomes of it
	Given []string // what is left out for it, one each
}

// Until is a wish in words.
func (p Phrases) Until(u Until) UntilText {
	if u.At.IsZero() {
		return UntilText{}
	}
	c := p.Words
	t := UntilText{Lines: []string{c.T("until.set", "when", p.When(u.At))}}
	if !u.Known {
		t.Lines = append(t.Lines, c.T("until.planning"))
		return t
	}
	if u.Lasts {
		t.Level = "good"
		t.Lines = append(t.Lines, c.T("until.lasts", "n", u.Sure))
	} else {
		t.Level = "low"
		t.Lines = append(t.Lines, c.T("until.not", "n", u.Sure, "when", p.When(u.Ends)))
		if u.BuyMay {
			t.Lines = append(t.Lines, c.T("until.buy", "amount", p.Money(u.Buy)))
		} else {
			t.Lines = append(t.Lines, c.T("until.buy.more"))
		}
	}
	switch {
	case len(u.Given) == 0 && u.Lasts:
		t.Lines = append(t.Lines, c.T("until.whole"))
	case len(u.Given) == 0:
	case u.KeepMay && u.Keep > u.Buy:
		t.Lines = append(t.Lines, c.T("until.keep", "amount", p.Money(u.Keep)))
	case !u.KeepMay && u.BuyMay:
		t.Lines = append(t.Lines, c.T("until.keep.more"))
	}
	for _, g := range u.Given {
		key := "until.given.at"
		if g.Later {
			key = "until.given.later"
		}
		t.Given = append(t.Given, c.T(key, "name", g.Name, "when", p.When(g.At), "time", p.Duration(g.Time), "energy", p.Energy(g.Energy)))
	}
	return t
}
