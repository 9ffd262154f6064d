package control

import (
	"errors"
	"slices"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
)

// What a Journal's error may be, or wrap.
var (
	// ErrJournalFull: there is no space.
	ErrJournalFull = errors.New("no space is left to record anything")
	// ErrJournalReplaced: the records were deleted, moved or replaced while they
	// were open.
	ErrJournalReplaced = errors.New("the records are not those any more that the agent works on")
	// ErrUnknownOutcome: the batch may be stored all the same.  As long as the
	// agent runs it counts as not stored.
	ErrUnknownOutcome = errors.New("the storage failed in the middle")
	// ErrTokenSpent: the records have a token of the batch already.  The batch can
	// never be stored: the answer to the token is final, and nobody is to wait.
	ErrTokenSpent = errors.New("the token was credited before")
)

// TokenSpentError is an ErrTokenSpent that names the token.
type TokenSpentError struct {
	Fingerprint string
	Err         error
}

func (e *TokenSpentError) Error() string   { return ErrTokenSpent.Error() + ": " + e.Err.Error() }
func (e *TokenSpentError) Unwrap() []error { return []error{ErrTokenSpent, e.Err} }

// knowing is what happened, with what the records have said of its tokens; false where it
// has none, or nothing is new.
func knowing(what Happening, err error) (Happening, bool) {
	switch w := what.(type) {
	case Token:
		return w.spent(), !w.Spent
	case PolicyEnvelope:
		spent := (*TokenSpentError)(nil)
		if !errors.As(err, &spent) || slices.Contains(w.Spent, spent.Fingerprint) {
			return what, false
		}
		w.Spent = append(slices.Clone(w.Spent), spent.Fingerprint)
		return w, true
	}
	return what, false
}

// ErrNotRecorded is the answer to a token or a request whose effect could not
// be stored.  Nothing has happened: a token stays good.
var ErrNotRecorded = errors.New("it cannot be recorded now, so nothing was done; try again later")

// ErrNotKnown is the answer where the storage failed in the middle, or has not
// answered so far: nothing has happened yet, but it may be found recorded later.
var ErrNotKnown = errors.New("the storage failed while it was recorded, so it is not known whether it counts; look at the balance before you try again")

// errSilent is why a question is answered although the storage has not.
var errSilent = errors.New("the storage does not answer")

// answerTo is what somebody is told whose input could not be stored.
func answerTo(err error) error {
	if errors.Is(err, ErrUnknownOutcome) {
		return ErrNotKnown
	}
	return ErrNotRecorded
}

// storeCode is the warning for a failed commit.
func storeCode(err error) health.Code {
	switch {
	case errors.Is(err, ErrJournalReplaced):
		return health.RecordsReplaced
	case errors.Is(err, ErrJournalFull):
		return health.StoreFull
	}
	return health.StoreFailed
}
