package account

import (
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/tariffs"
)

// Rates is a tariff document that a utility has sent.
type Rates = policy.HeldRates

// sameList tells whether two lists are one: none is ever changed.
func sameList(a, b []Rates) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// follow is the configuration's tariff with the documents.
func (r Rules) follow(rates []Rates) (*tariffs.Tariff, error) {
	return planning.Follow(r.Tariff, Documents(rates), r.Read)
}

// Documents are the rates as a planner reads them.
func Documents(rates []Rates) []planning.Rates {
	var out []planning.Rates
	for _, x := range rates {
		out = append(out, planning.Rates{From: x.From, Text: x.Text})
	}
	return out
}

// Counting are the documents of a State that count: none where they cannot be read.
func (r Rules) Counting(s State) []Rates {
	if len(s.Rates) == 0 || r.layBy(s).failed != nil {
		return nil
	}
	return s.Rates
}

// Follow takes a document in, or back, and never touches what was charged.  ended are
// documents whose place it has taken.  The error is a policy.RefusedError.
func (r Rules) Follow(s State, now time.Time, x Rates, cancel bool) (next State, taken Rates, ended []Rates, err error) {
	charged, kept := now, tariffs.Date(0)
	if s.Elapsed.After(charged) {
		charged = s.Elapsed
	}
	if len(s.Tariff.Months) > 0 {
		kept = s.Tariff.Months[0].Start
	}
	to, bad := policy.FollowRates(s.Rates, x, cancel, tariffs.DateOf(charged.In(r.Tariff.Location()).Date()), kept)
	if bad != nil {
		return s, x, nil, bad
	}
	if !cancel {
		if to.All, err = r.charged(to); err != nil {
			return s, x, nil, err
		}
	}
	s.Rates, s.TariffSeen = to.All, time.Time{}
	return r.Lay(s), to.Taken, to.Ended, nil
}

// charged tells whether a document can be charged by where it follows those before it, and
// answers the list with it.
func (r Rules) charged(to policy.Followed) ([]Rates, error) {
	refuse := func(code policy.Code, err error) ([]Rates, error) {
		return nil, &policy.RefusedError{Code: code, Detail: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	if r.Read == nil {
		return refuse(policy.Inapplicable, planning.ErrNoReader)
	}
	doc, err := r.Read(to.Taken.Text)
	if err != nil {
		return refuse(policy.Unreadable, err)
	}
	was, err := r.follow(to.Before)
	if err != nil { // what is remembered cannot be read any more: this one takes its place
		was, to.All = r.Tariff, []Rates{to.Taken}
	}
	joined, err := was.Document().Followed(tariffs.Successor{From: to.Taken.From, Document: doc})
	if err != nil {
		return refuse(policy.Inapplicable, err)
	}
	is, err := tariffs.New(joined)
	if err != nil {
		return refuse(policy.Unreadable, err)
	}
	if err := is.Sane(was, to.Taken.From); err != nil {
		return refuse(policy.Unsafe, err)
	}
	if _, err := r.follow(to.All); err != nil { // with those that come after it
		return refuse(policy.Inapplicable, err)
	}
	return to.All, nil
}

// PassRates lets time pass over the documents: begun are those that have come into force,
// over those whose place they have taken, in the same order; only the first of all takes
// none's.
func (r Rules) PassRates(s State, now time.Time) (next State, begun, over []Rates) {
	loc := r.Tariff.Location()
	for i, x := range s.Rates {
		if !x.Applied.IsZero() || now.Before(x.From.Start(loc)) {
			continue
		}
		if len(begun) == 0 {
			s.Rates = slices.Clone(s.Rates)
		}
		s.Rates[i].Applied = now
		begun = append(begun, s.Rates[i])
		if i > 0 {
			over = append(over, s.Rates[i-1])
		}
	}
	if len(begun) > 0 {
		s = r.Lay(s)
	}
	return s, begun, over
}
