package control

import (
	"slices"
	"time"
)

// Saying is how often events of one code were told in the hour that began at
// From.
type Saying struct {
	Code string    `json:"code"`
	From time.Time `json:"from"`
	N    int       `json:"n"`
}

// mostSaid is the most events of one code in an hour: whoever can press a
// button, send a message or shake a wire could fill the disk otherwise.
const mostSaid = 60

// always tells whether each event of a code is recorded: those that stand
// beside an entry of the ledger, which nobody can make at will.
func always(code string) bool { return code == "token_accepted" || code == "tamper" }

// may counts an event of the code at now and tells whether it is still told, and
// whether it is the last one for an hour.
func (st *State) may(now time.Time, code string) (told, last bool) {
	if always(code) {
		return true, false
	}
	st.Said = slices.DeleteFunc(slices.Clone(st.Said), func(s Saying) bool {
		age := now.Sub(s.From)
		return age >= time.Hour || age < 0
	})
	i := slices.IndexFunc(st.Said, func(s Saying) bool { return s.Code == code })
	if i < 0 {
		st.Said = append(st.Said, Saying{code, now, 1})
		return true, false
	}
	if st.Said[i].N >= mostSaid {
		return false, false
	}
	st.Said[i].N++
	return true, st.Said[i].N == mostSaid
}
