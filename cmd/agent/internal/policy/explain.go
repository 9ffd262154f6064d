package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Claims is what an envelope says of itself.  Nothing of it is proven.
type Claims struct {
	Kind     string   // keeplit-policy, keeplit-keys or keeplit-ack
	KeyIDs   []string // of the signatures
	Envelope *Envelope
	Issuer   string  // of an envelope or a key set
	Keys     *KeySet // of a key set
	Ack      *Ack    // of an acknowledgement
	Readings *Readings
	Site     string // of an acknowledgement or of readings
	Payload  []byte // as it was signed
}

// Explain reads what an envelope claims, without believing it.
func Explain(text []byte) (Claims, error) {
	o, bad := open(text)
	if bad != nil {
		return Claims{}, bad
	}
	c := Claims{Kind: o.kind, KeyIDs: slices.Clone(o.kids), Payload: o.jws.UnsafePayloadWithoutVerification()}
	var err error
	switch o.kind {
	case kindKeys:
		var d keysDocument
		err = read(c.Payload, &d)
		c.Keys, c.Issuer = &d.Keys, d.Issuer
	case kindAck:
		var d ackDocument
		err = read(c.Payload, &d)
		c.Ack, c.Site = &d.Ack, d.Site
	case kindReadings:
		var d Readings
		err = read(c.Payload, &d)
		c.Readings, c.Site = &d, d.Site
	default:
		var e Envelope
		err = read(c.Payload, &e)
		c.Envelope, c.Issuer = &e, e.Issuer
	}
	if err != nil {
		return Claims{Kind: o.kind, KeyIDs: c.KeyIDs}, &RefusedError{Unreadable, err.Error()}
	}
	return c, nil
}

// Words is what the envelope asks for, a line each.
func (c Claims) Words() []string {
	var out []string
	line := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	line("signed by key %s", strings.Join(c.KeyIDs, ", "))
	switch {
	case c.Keys != nil:
		k := c.Keys
		line("key set %d of %s, epoch %d, good until %s", k.Version, c.Issuer, k.Epoch, at(k.Expires))
		line("%d of %d root keys", k.Threshold, len(k.Roots))
		for _, s := range k.Signers {
			public, err := DecodeKey(s.Key)
			if err != nil {
				continue
			}
			words := make([]string, len(s.Streams))
			for i, x := range s.Streams {
				words[i] = string(x)
			}
			whom := "everybody"
			if len(s.Audiences) > 0 {
				whom = strings.Join(s.Audiences, ", ")
			}
			line("key %s may sign %s for %s", KeyID(public), strings.Join(words, ", "), whom)
		}
	case c.Ack != nil:
		line("acknowledgement %d of site %s, made %s", c.Ack.N, c.Site, at(c.Ack.At))
		line("%s %s of %s: %s %s %s", c.Ack.Of.Stream, c.Ack.Of.ID, c.Ack.Of.Issuer, c.Ack.State, c.Ack.Code, c.Ack.Detail)
	case c.Readings != nil:
		r := c.Readings
		line("readings %s of site %s, part %d of %d, made %s", r.ID, c.Site, r.Part, r.Parts, at(r.At))
		if g := r.Registers; g != nil {
			line("registers at %s: import %.3f kWh, export %.3f kWh", at(g.At), g.ImportKWh, g.ExportKWh)
		}
		for _, x := range r.Intervals {
			line("%s %s %ds: import %.4f kWh, export %.4f kWh, measured %ds, quality %d", r.Series, at(x.Start), x.Seconds, x.ImportKWh, x.ExportKWh, x.CoveredS, x.Quality)
		}
	case c.Envelope != nil:
		e := c.Envelope
		line("%s %s of %s for %s, number %d of epoch %d", e.Stream, e.ID, e.Issuer, e.Audience, e.Seq, e.Epoch)
		line("signed %s, good until %s", at(e.Issued), at(e.Expires))
		out = append(out, e.asks()...)
	}
	for i := range out {
		out[i] = strings.TrimRight(strings.Map(printable, out[i]), " ")
	}
	return out
}

// asks is what an envelope's body asks for.
func (e Envelope) asks() []string {
	switch e.Stream {
	case Heartbeat:
		return []string{"the utility is there"}
	case Clock:
		return []string{"it is " + e.Issued.UTC().Format(time.RFC3339)}
	case Read:
		return []string{"readings are asked for: " + string(e.Body)}
	case Receipt:
		return []string{"acknowledgements were taken: " + string(e.Body)}
	case Supply:
		return e.asksOfSupply()
	case Rates:
		return e.asksOfRates()
	case Tariff, Token, Message, Limit, Demand:
	}
	var b Body
	if err := read(e.Body, &b); err != nil {
		return []string{"its body cannot be read: " + err.Error()}
	}
	switch {
	case b.Clear:
		return []string{"every limit for " + e.Audience + " is taken back"}
	case b.Cancel != "":
		return []string{"event " + b.Cancel + " is taken back"}
	case b.Event == nil:
		return []string{"it asks for nothing"}
	}
	if b.Event.cancels() {
		return []string{"event " + b.Event.ID + " is taken back"}
	}
	out := []string{fmt.Sprintf("event %s of programme %s", b.Event.ID, b.Event.ProgramID)}
	if e.Stream == Token {
		return append(out, "tokens to enter")
	}
	l, err := b.Event.lay(e.Issued, func(time.Duration) time.Duration { return 0 })
	if err != nil {
		return append(out, "it cannot be laid in time: "+err.Error())
	}
	for _, s := range l.spans {
		var values []string
		for _, p := range s.payloads {
			parts := make([]string, len(p.Values))
			for i, v := range p.Values {
				parts[i] = string(v)
			}
			values = append(values, p.Type+" "+strings.Join(parts, ", "))
		}
		end := "until it is taken back"
		if s.length < Forever {
			end = "to " + l.start.Add(s.offset+s.length).Format(time.RFC3339)
		}
		out = append(out, fmt.Sprintf("from %s %s: %s", l.start.Add(s.offset).Format(time.RFC3339), end, strings.Join(values, "; ")))
	}
	if l.period > 0 {
		out = append(out, fmt.Sprintf("and again every %s", l.period))
	}
	return out
}

// ReadKeySet reads a key set that is to be signed, to the letter.
func ReadKeySet(data []byte) (KeySet, error) {
	var k KeySet
	if err := read(data, &k); err != nil {
		return k, err
	}
	return k, k.Check()
}

// Demands are what sites ask of the signature under a body that ReadBody has read: how many
// keys, and for how long it may be good; 0: for any time.
func Demands(s Stream, body json.RawMessage) (keys int, most time.Duration) {
	b, _ := Envelope{Body: body}.readSupply()
	switch {
	case s == Clock:
		return 1, HeartbeatLives
	case s != Supply:
	case b.Disconnect != nil:
		return 2, CutLives
	case b.Rules != nil:
		return 2, 0
	}
	return 1, 0
}

// ReadBody reads what is to be signed as an envelope's body as a site would that obeys any
// limit, so that a slip is found before anybody refuses it.
func ReadBody(s Stream, audience string, data []byte, now time.Time) (json.RawMessage, error) {
	kind, id, _ := strings.Cut(audience, ":")
	if s == Token && kind != "site" {
		return nil, errors.New("tokens are for one site, not for " + audience)
	}
	if s == Supply {
		if kind != "site" {
			return nil, errors.New("the supply is that of one site, not of " + audience)
		}
		b, bad := Envelope{Issued: now, Expires: now, Body: data}.readSupply()
		switch {
		case bad != nil:
		case b.Rules != nil:
			_, bad = b.Rules.doc(now)
		case b.Notice != nil && now.After(b.Notice.From.Add(noticeLives)):
			return nil, fmt.Errorf("notice.from is %s, too long ago", b.Notice.From.Format(time.RFC3339))
		case b.Disconnect != nil && !b.Disconnect.Until.After(now):
			return nil, fmt.Errorf("disconnect.until is %s, which is over", b.Disconnect.Until.Format(time.RFC3339))
		}
		if bad != nil {
			return nil, errors.New(bad.Detail)
		}
		return data, nil
	}
	r := Rules{Site: id, Limit: LimitRules{Floor: 1}, Reads: ReadRules{Intervals: true, Registers: true}}
	if s == Read && kind != "site" {
		return nil, errors.New("readings are those of one site, not of " + audience)
	}
	e := Envelope{Audience: audience, Stream: s, Issued: now, Expires: now.Add(time.Minute), Body: data}
	var st State
	var b Body
	if read(data, &b) == nil { // whether there is an event to take back only the site knows
		taken := b.Cancel
		if b.Event != nil && b.Event.cancels() {
			taken = b.Event.ID
		}
		st.Events = []Event{{ID: taken, Of: e.ref()}}
	}
	var out Outcome
	if bad := r.apply(&st, e, &out, In{Now: now}); bad != nil {
		return nil, errors.New(bad.Detail)
	}
	return data, nil
}
