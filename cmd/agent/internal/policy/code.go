package policy

// Code is why an envelope was not taken.
type Code string

// The codes.  Each refusal has one of its own: docs/policy.md says what to do.
const (
	Taken            Code = ""                   // it was taken
	Oversize         Code = "oversize"           // longer than MostBytes
	Unreadable       Code = "unreadable"         // no envelope, or one that says something that is not known here
	Forged           Code = "forged"             // not signed by a key that is known, or by too few of them
	KeysExpired      Code = "keys_expired"       // the key set's time is over: only the root keys are heard
	OtherIssuer      Code = "other_issuer"       // of another utility
	OtherAudience    Code = "other_audience"     // for another site or group
	StreamNotAllowed Code = "stream_not_allowed" // the key, or the site's configuration, does not allow the stream
	Early            Code = "early"              // its time has not come
	Expired          Code = "expired"            // its time is over
	NoClock          Code = "no_clock"           // the site does not know what time it is
	Duplicated       Code = "duplicated"         // the last one of its stream once more
	Replayed         Code = "replayed"           // one that was heard before, after which others were taken
	Reordered        Code = "reordered"          // overtaken by one with a higher number
	Reused           Code = "reused"             // another one had that number
	RolledBack       Code = "rolled_back"        // of an epoch, or a version of the keys, that is over
	FastForwarded    Code = "fast_forwarded"     // its number, epoch or version of the keys leaps ahead
	Unsafe           Code = "unsafe"             // it would do what no utility may
	Protected        Code = "protected"          // no disconnection now: the law's hours, an alert, a person at risk
	NoRules          Code = "no_rules"           // no disconnection: nobody has said when there may be none, or that is over
	Unannounced      Code = "unannounced"        // no disconnection that was not announced, or not long enough ago
	Held             Code = "held"               // the site's records do not agree: nothing is charged or credited until a person has put them right
	NotShared        Code = "not_shared"         // readings that the household does not share
	TooMany          Code = "too_many"           // as many events as are remembered are waiting already
	Inapplicable     Code = "inapplicable"       // it was understood and could not be applied
)

// Codes is every code of a refusal.
func Codes() []Code {
	return []Code{
		Oversize, Unreadable, Forged, KeysExpired, OtherIssuer, OtherAudience, StreamNotAllowed, Early, Expired, NoClock,
		Duplicated, Replayed, Reordered, Reused, RolledBack, FastForwarded, Unsafe, Protected, NoRules, Unannounced, Held, NotShared, TooMany, Inapplicable,
	}
}

// Repeats tells whether a refusal says that the envelope came before: a broker
// hands on again, and nobody is to be told.
func (c Code) Repeats() bool { return c == Duplicated || c == Replayed }

// RefusedError is a refusal.
type RefusedError struct {
	Code   Code
	Detail string // what was wrong, for people
}

func (e *RefusedError) Error() string {
	if e.Detail == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Detail
}
