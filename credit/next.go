package credit

import "time"

// Next is which of several tokens that wait is entered next, by its index: the
// words of a key change before what may need the new key, what the change would
// make void before the words, and else the first.
//
// That a token is a word of a key change is all that is looked at without its
// counting as a try.  Whether others are good is looked at only where the words
// complete a change, which they do once: else a list of guesses would cost no
// more than one.
func (e *Engine) Next(a Account, at time.Time, source string, waiting []string) int {
	if a.Lock(Way(source)).Left > 0 {
		return 0
	}
	for _, s := range e.schemes {
		state, first, changed := a.scheme(s.Name()), -1, false
		word := make([]bool, len(waiting))
		for i, digits := range waiting {
			if !s.Fits(digits) {
				continue
			}
			t, next, err := s.Read(state, digits, at)
			if err != nil || t.Effect != KeyChange || t.Code != Accept {
				continue
			}
			if word[i] = true; first < 0 {
				first = i
			}
			state, changed = next, changed || t.Value == t.Of
			if changed {
				break
			}
		}
		switch {
		case first < 0:
			continue
		case !changed:
			return first
		}
		for i, digits := range waiting {
			if word[i] || !s.Fits(digits) {
				continue
			}
			t, _, err := s.Read(a.scheme(s.Name()), digits, at)
			if err == nil && t.Code == Accept && t.Effect != KeyChange && t.Effect != SelfTest {
				return i
			}
		}
		return first
	}
	return 0
}
