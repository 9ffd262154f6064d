package credit

import "time"

// Next is which of several tokens that wait is entered next, by its index: the
// words of a key change before what needs the new key, what the change would make
// void before the words, and else the first.
//
// That a token is a word of a key change is looked at without its counting as a
// try, and only words that complete a change are put first: to have single guesses picked
// out would be to be told for nothing which of them are words.  Of the others one is looked at ahead only where the
// words complete a change, and the first that the new key does not read is the
// next: it is good under the present key, or it is wrong and counts.  So a list of
// guesses costs as much as each of them, and a slip in one token never leads to a
// change that makes it void.
func (e *Engine) Next(a Account, at time.Time, source string, waiting []string) int {
	if a.Lock(Way(source)).Left > 0 {
		return 0 // nothing is looked at
	}
	for _, s := range e.schemes {
		first, words, under := e.words(s, a, at, waiting)
		if first < 0 || under == nil {
			continue
		}
		for i, digits := range waiting {
			if words[i] {
				continue
			}
			if t, _, err := s.Read(under, digits, at); err != nil || !s.Fits(digits) || t.Code.Guess() || t.Code == Old {
				return i
			}
		}
		return first
	}
	return 0
}

// words are the words of a key change of a scheme among tokens: the first one, -1
// where there is none, which they are, and the scheme's state under the new key,
// nil where they do not complete the change.
func (e *Engine) words(s Scheme, a Account, at time.Time, waiting []string) (first int, words []bool, under []byte) {
	first, words = -1, make([]bool, len(waiting))
	state := a.scheme(s.Name())
	for i, digits := range waiting {
		if !s.Fits(digits) {
			continue
		}
		t, next, err := s.Read(state, digits, at)
		if err != nil || t.Effect != KeyChange || t.Code != Accept {
			continue
		}
		if words[i] = true; first < 0 {
			first = i
		}
		if state = next; t.Value == t.Of {
			return first, words, state
		}
	}
	return first, words, nil
}
