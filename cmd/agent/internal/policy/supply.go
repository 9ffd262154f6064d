package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// DisconnectRules are how a utility may disconnect a site.
type DisconnectRules struct {
	// Mode says how a disconnection ends.
	Mode credit.ControlMode
	// Own are the site's own rules of protection; nil: only signed ones hold.  Where both
	// are known, what either protects is protected.
	Own  *credit.ProtectedDocument
	Zone *time.Location
}

// Bounds of a disconnection.
const (
	// CutLives is the longest that an order to disconnect may be good for.
	CutLives = 15 * time.Minute
	// LongestCut is the longest that a disconnection lasts without being ordered again.
	LongestCut = 31 * 24 * time.Hour
	// noticeLives is how long after its time an announcement still speaks for a disconnection.
	noticeLives = 31 * 24 * time.Hour
	// backBy is how long before the disconnection the clock may stand.
	backBy = time.Hour
	// longestRules is the longest that signed rules are good for.
	longestRules = 2 * 366 * 24 * time.Hour
)

// Bar is why a site's supply cannot be cut now, whatever is signed.
type Bar string

// The bars.
const (
	Free      Bar = ""
	NoSwitch  Bar = "no_switch" // the site has none of its supply
	NoTime    Bar = "no_time"   // the site is not sure what time it is
	TooMuch   Bar = "too_much"  // more is drawn than the switch may break
	Unsettled Bar = "unsettled" // the site's records are being put right
)

// words are for the utility.
func (b Bar) words() string {
	switch b {
	case Free:
	case NoSwitch:
		return "the site has no switch of its supply"
	case NoTime:
		return "the site is not sure what time it is"
	case TooMuch:
		return "more is drawn than the switch of the supply may break"
	case Unsettled:
		return "the site's records are being put right"
	}
	return string(b)
}

// Disconnects tells whether a utility may disconnect the site.
func (r Rules) Disconnects() bool {
	return r.Listens(Supply) && r.Disconnect != nil && r.Disconnect.Mode != credit.NoControl
}

// SupplyState is what is remembered of a disconnection: announced, in force, or neither.
type SupplyState struct {
	Rules  *SignedRules `json:"rules,omitempty"`  // nil: none were sent
	Notice *Notice      `json:"notice,omitempty"` // a disconnection is announced
	Off    *CutOff      `json:"off,omitempty"`    // and is in force
	Ended  CutEnd       `json:"ended,omitempty"`  // what has ended the last one
}

// SignedRules are rules of protection that the utility has signed.
type SignedRules struct {
	Of    Ref                      `json:"of"`
	Until time.Time                `json:"until"` // not good any more from then on
	Doc   credit.ProtectedDocument `json:"doc"`
}

// Notice is the announcement of a disconnection.
type Notice struct {
	ID    string    `json:"id"`
	Of    Ref       `json:"of"`
	Why   string    `json:"why"`
	From  time.Time `json:"from"`  // not before
	Heard time.Time `json:"heard"` // when the site has heard of it
}

// CutOff is a disconnection.
type CutOff struct {
	ID      string    `json:"id"` // of its announcement
	Of      Ref       `json:"of"` // the order
	Ack     AckWish   `json:"ack,omitempty"`
	Why     string    `json:"why"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`            // it ends by itself
	Applied time.Time `json:"applied,omitzero"` // when the supply was seen, or told, open
}

// Record is the disconnection as the ledger has it; it stays as it is, as all that is hashed.
func (c CutOff) Record() string {
	return fmt.Sprintf("%s of %s, until %s: %s", c.ID, c.Of.Issuer, c.Until.UTC().Format(time.RFC3339), c.Why)
}

// CutEnd is what has ended a disconnection.
type CutEnd string

// The ends.  Besides them there are those shields that end one.
const (
	EndReady CutEnd = "ready" // the utility's word
	EndUntil CutEnd = "until" // its time is over
	EndClock CutEnd = "clock" // the clock went back so far that nobody knows when its time is over
	EndOld   CutEnd = "old"   // the records are old ones: it may have been taken back
	EndRules CutEnd = "rules" // the configuration names that utility, or a disconnection, no more
)

// supplyBody is what an envelope of the stream supply holds: one of the four.
type supplyBody struct {
	Rules      *rulesBody      `json:"rules,omitempty"`
	Notice     *noticeBody     `json:"notice,omitempty"`
	Disconnect *disconnectBody `json:"disconnect,omitempty"`
	Ready      bool            `json:"ready,omitempty"` // whatever was announced or ordered is taken back
}

type rulesBody struct {
	Until    time.Time               `json:"until"`
	Windows  []credit.FriendlyWindow `json:"windows,omitempty"`
	Dates    []string                `json:"dates,omitempty"`
	Holidays []string                `json:"holidays,omitempty"`
	Eves     bool                    `json:"eves,omitempty"`
	Alerts   []string                `json:"alerts,omitempty"`
	AtRisk   string                  `json:"at_risk,omitempty"`
	Notice   string                  `json:"notice,omitempty"` // PT48H
}

type noticeBody struct {
	ID   string    `json:"id"`
	Why  string    `json:"why"`
	From time.Time `json:"from"`
}

type disconnectBody struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

// readSupply reads the body, as far as it can be judged without a site.
func (e Envelope) readSupply() (b supplyBody, bad *RefusedError) {
	if err := read(e.Body, &b); err != nil {
		return b, &RefusedError{Unreadable, "body: " + err.Error()}
	}
	given := 0
	for _, is := range []bool{b.Rules != nil, b.Notice != nil, b.Disconnect != nil, b.Ready} {
		if is {
			given++
		}
	}
	if given != 1 {
		return b, &RefusedError{Unreadable, "body holds one of rules, notice, disconnect and ready"}
	}
	switch n, d := b.Notice, b.Disconnect; {
	case n != nil && (!idForm.MatchString(n.ID) || !inTime(n.From)):
		return b, &RefusedError{Unreadable, fmt.Sprintf("notice.id is %.80q and notice.from %s", n.ID, n.From.Format(time.RFC3339))}
	case n != nil && (strings.TrimSpace(n.Why) == "" || !sayable(n.Why)):
		return b, &RefusedError{Unreadable, fmt.Sprintf("notice.why is no text of 1 to %d characters that can be shown", mostText)}
	case d != nil && (!idForm.MatchString(d.ID) || !inTime(d.Until)):
		return b, &RefusedError{Unreadable, fmt.Sprintf("disconnect.id is %.80q and disconnect.until %s", d.ID, d.Until.Format(time.RFC3339))}
	case d != nil && e.Expires.Sub(e.Issued) > CutLives:
		return b, &RefusedError{Unsafe, fmt.Sprintf("an order to disconnect is good for %s at the most", CutLives)}
	case d != nil && d.Until.Sub(e.Issued) > LongestCut:
		return b, &RefusedError{Unsafe, fmt.Sprintf("a disconnection lasts %s at the most", LongestCut)}
	}
	return b, nil
}

// doc is the rules as a document, checked.
func (b rulesBody) doc(now time.Time) (credit.ProtectedDocument, *RefusedError) {
	d := credit.ProtectedDocument{Windows: b.Windows, Dates: b.Dates, Holidays: b.Holidays, Eves: b.Eves, Alerts: b.Alerts, AtRisk: b.AtRisk}
	if b.Notice != "" {
		notice, err := parseDuration(b.Notice)
		if err != nil {
			return d, &RefusedError{Unreadable, "rules.notice: " + err.Error()}
		}
		d.Notice = notice
	}
	if faults := d.Check(); len(faults) > 0 {
		return d, &RefusedError{Unreadable, fmt.Sprintf("rules.%.80s: %.120s", faults[0].Path, faults[0].Problem)}
	}
	switch {
	case !b.Until.After(now):
		return d, &RefusedError{Expired, "the rules are over"}
	case b.Until.Sub(now) > longestRules:
		return d, &RefusedError{Unsafe, "rules are good for two years at the most"}
	}
	return d, nil
}

// supply does what an envelope says of the supply.
func (r Rules) supply(s *State, e Envelope, out *Outcome, in In) *RefusedError {
	b, bad := e.readSupply()
	switch {
	case bad != nil:
		return bad
	case !r.Disconnects():
		return &RefusedError{Inapplicable, "no utility disconnects this site (policy.disconnect.control_mode)"}
	case (b.Disconnect != nil || b.Rules != nil) && out.signers < 2:
		return &RefusedError{Forged, "one key has signed it, and two must"}
	}
	switch {
	case b.Rules != nil:
		doc, bad := b.Rules.doc(in.Now)
		if bad != nil {
			return bad
		}
		s.Supply.Rules = &SignedRules{Of: e.ref(), Until: b.Rules.Until.UTC(), Doc: doc}
	case b.Notice != nil && in.NoCut == NoTime:
		// How long it was announced before an order nobody could tell.
		return &RefusedError{NoClock, in.NoCut.words()}
	case b.Notice != nil && in.Now.After(b.Notice.From.Add(noticeLives)):
		return &RefusedError{Expired, "it was announced for " + b.Notice.From.Format(time.RFC3339) + ", too long ago"}
	case b.Notice != nil:
		s.Supply.Notice = &Notice{ID: b.Notice.ID, Of: e.ref(), Why: strings.TrimSpace(b.Notice.Why), From: b.Notice.From.UTC(), Heard: in.Now}
	case b.Ready:
		if n := s.Supply.Notice; n != nil && e.after(n.Of) {
			s.Supply.Notice = nil
		}
		s.endCut(EndReady, in.Now)
	default:
		return r.disconnect(s, e, *b.Disconnect, in)
	}
	out.applied = true
	return nil
}

// disconnect takes an order to disconnect where nothing at all is against it.
func (r Rules) disconnect(s *State, e Envelope, d disconnectBody, in In) *RefusedError {
	n, rules := s.Supply.Notice, s.Supply.Rules
	switch {
	case in.Held:
		return &RefusedError{Held, "the site's records are being put right"}
	case in.NoCut != Free:
		return &RefusedError{Inapplicable, in.NoCut.words()}
	case !d.Until.After(in.Now):
		return &RefusedError{Expired, "the disconnection is over"}
	case rules == nil && r.Disconnect.Own == nil:
		return &RefusedError{NoRules, "neither the site's configuration nor a signed document says when it is protected"}
	case rules != nil && !in.Now.Before(rules.Until):
		return &RefusedError{NoRules, "the signed rules of protection were good until " + rules.Until.Format(time.RFC3339)}
	}
	for _, doc := range r.protecting(*s) {
		switch {
		case len(doc.Check()) > 0:
			return &RefusedError{NoRules, "the rules of protection cannot be read: " + doc.Check()[0].Problem}
		case len(doc.Alerts) > 0 && !r.Listens(Message):
			return &RefusedError{NoRules, "alerts protect the home, and it does not hear any (policy.streams)"}
		}
	}
	// By the site's clock and by the utility's: they may be a quarter of an hour apart.
	for _, at := range []time.Time{in.Now, e.Issued} {
		if shield := r.shield(*s, at); shield != credit.NoShield {
			return &RefusedError{Protected, "the home is protected now: " + string(shield)}
		}
	}
	if s.Supply.Off == nil || s.Supply.Off.ID != d.ID {
		wait := time.Duration(0)
		for _, doc := range r.protecting(*s) {
			wait = max(wait, doc.Notice)
		}
		switch {
		case n == nil || n.ID != d.ID:
			return &RefusedError{Unannounced, fmt.Sprintf("%s was not announced", d.ID)}
		case in.Now.Before(n.From) || e.Issued.Before(n.From):
			return &RefusedError{Unannounced, "it was announced for " + n.From.Format(time.RFC3339)}
		case in.Now.Before(n.Heard.Add(wait)):
			return &RefusedError{Unannounced, fmt.Sprintf("it was announced at %s, and %s must lie between", n.Heard.Format(time.RFC3339), wait)}
		}
	}
	off := CutOff{ID: d.ID, Of: e.ref(), Ack: e.Ack, Since: in.Now, Until: d.Until.UTC()}
	if n != nil {
		off.Why = n.Why
	}
	if was := s.Supply.Off; was != nil {
		off.Since = was.Since
		if was.ID == d.ID { // longer, or shorter
			off.Why = was.Why
		}
		if was.Ack == AckApplied {
			s.ack(Ack{Of: was.Of, State: Superseded, At: in.Now})
		}
	}
	s.Supply.Off, s.Supply.Ended = &off, ""
	return nil
}

// protecting are the rules that hold.
func (r Rules) protecting(s State) (out []credit.ProtectedDocument) {
	if r.Disconnect != nil && r.Disconnect.Own != nil {
		out = append(out, *r.Disconnect.Own)
	}
	if s.Supply.Rules != nil { // also when their time is over: that protects nobody less
		out = append(out, s.Supply.Rules.Doc)
	}
	return out
}

// shield is what protects the home now, the most serious first.
func (r Rules) shield(s State, now time.Time) (worst credit.Shield) {
	var alerts []string
	for _, e := range s.Told(now) {
		if at, ok := e.At(now); ok && isAlert(at.Kind) {
			alerts = append(alerts, strings.TrimPrefix(at.Kind, alertPrefix))
		}
	}
	for _, doc := range r.protecting(s) {
		shield := credit.ProtectedTimes{Doc: doc, Zone: r.Disconnect.Zone}.At(now, alerts)
		if worst == credit.NoShield || shield.Ends() {
			worst = shield
		}
	}
	return worst
}

// after tells whether the envelope was numbered after another one of its stream.
func (e Envelope) after(o Ref) bool { return e.Epoch > o.Epoch || e.Epoch == o.Epoch && e.Seq > o.Seq }

// restores tells whether the envelope takes back the disconnection in force, and was signed
// after it.  Whatever has held it up on its way, nobody stays in the dark for that: it is
// taken also where it is late, was overtaken, or nobody knows what time it is.
func (s State) restores(e Envelope) bool {
	if e.Stream != Supply || s.Supply.Off == nil || !e.after(s.Supply.Off.Of) {
		return false
	}
	b, bad := e.readSupply()
	return bad == nil && b.Ready
}

// undo ends a disconnection that the configuration does not allow any more, announced or in
// force: it does not come back with the configuration.
func (s *State) undo(now time.Time) {
	s.endCut(EndRules, now)
	s.Supply.Notice = nil
}

// Unheard is what is left where the configuration has no policy.
func (s State) Unheard(now time.Time) (next State, changed bool) {
	if s.Supply.Off == nil && s.Supply.Notice == nil {
		return s, false
	}
	s = s.clone()
	s.undo(now)
	return s, true
}

// endCut ends a disconnection.
func (s *State) endCut(why CutEnd, now time.Time) {
	off := s.Supply.Off
	if off == nil {
		return
	}
	if off.Ack == AckApplied {
		a := Ack{Of: off.Of, State: Completed, Detail: string(why), At: now}
		if off.Applied.IsZero() {
			a.State, a.Code, a.Detail = Rejected, Expired, "it ended before it had an effect: "+string(why)
		}
		s.ack(a)
	}
	s.Supply.Off, s.Supply.Ended = nil, why
	if n := s.Supply.Notice; n != nil && n.ID == off.ID { // it has served
		s.Supply.Notice = nil
	}
}

// passSupply lets a disconnection end, and an announcement be forgotten.
func (r Rules) passSupply(s *State, now time.Time) (changed bool) {
	if !r.Disconnects() {
		return false
	}
	if n := s.Supply.Notice; n != nil && now.After(n.From.Add(noticeLives)) && (s.Supply.Off == nil || s.Supply.Off.ID != n.ID) {
		s.Supply.Notice, changed = nil, true
	}
	off := s.Supply.Off
	if off == nil {
		return changed
	}
	switch shield := r.shield(*s, now); {
	case !now.Before(off.Until):
		s.endCut(EndUntil, now)
	case off.Until.Sub(now) > LongestCut+time.Hour || off.Since.Sub(now) > backBy:
		s.endCut(EndClock, now)
	case shield.Ends():
		s.endCut(CutEnd(shield), now)
	default:
		return changed
	}
	return true
}

// Opened notes that the supply is off because of the utility.
func (r Rules) Opened(s State, now time.Time) (next State, changed bool) {
	off := s.Supply.Off
	if off == nil || !off.Applied.IsZero() {
		return s, false
	}
	s = s.clone()
	applied := *off
	applied.Applied = now
	s.Supply.Off = &applied
	if applied.Ack == AckApplied {
		s.ack(Ack{Of: applied.Of, State: Applied, At: now})
	}
	return s, true
}

// asksOfSupply is what an envelope asks for, in words.
func (e Envelope) asksOfSupply() []string {
	b, bad := e.readSupply()
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case bad != nil:
		return []string{"its body cannot be taken: " + bad.Detail}
	case b.Notice != nil:
		return []string{fmt.Sprintf("disconnection %s is announced, not before %s: %s", b.Notice.ID, at(b.Notice.From), b.Notice.Why)}
	case b.Disconnect != nil:
		return []string{fmt.Sprintf("disconnection %s, until %s", b.Disconnect.ID, at(b.Disconnect.Until))}
	case b.Ready:
		return []string{"no disconnection any more: the supply may be closed"}
	}
	return []string{"rules of protection, good until " + at(b.Rules.Until) + ": " + string(e.Body)}
}
