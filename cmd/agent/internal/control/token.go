package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
)

// Token is a token that somebody entered.
type Token struct {
	Text   string
	Source string // page, api, cli, mqtt, keypad, card, replay
	// Spent: the records have it, whatever the account's memory says.
	Spent bool
	// Of a text of several tokens: how many, which one this is, from 1, and which
	// wait behind it.  Of is 0 where it came alone.
	Place, Of int
	Left      []int
}

// Pasted is a text of several tokens of which some have not been entered yet:
// after a restart nobody else knows.
type Pasted struct {
	Way  string    `json:"way"`
	At   time.Time `json:"at"` // of the last one that was looked at
	Of   int       `json:"of"`
	Left []int     `json:"left"` // their places, from 1
}

// pasted is what is left to enter once t has been looked at.
func (t Token) pasted(was *Pasted, now time.Time, c credit.Code) *Pasted {
	way := credit.Way(t.Source)
	if t.Of == 0 {
		if was != nil && was.Way == way && c == credit.Accept {
			return nil // whoever enters tokens by that way has gone on
		}
		return was
	}
	left := slices.Clone(t.Left)
	if stops(c) {
		left = append(left, t.Place)
		slices.Sort(left)
	}
	if len(left) == 0 {
		return nil
	}
	return &Pasted{Way: way, At: now, Of: t.Of, Left: left}
}

// spent is t as the records have it.
func (t Token) spent() Token {
	t.Spent = true
	return t
}

func (Token) asks() bool  { return true }
func (Token) spare() bool { return false }

// happen enters a token.  Its effect, the memory of it and what the customer is
// told belong to one transaction.
func (t Token) happen(p *step) {
	if p.st.Old() {
		t.withheld(p)
		return
	}
	next, entries, result := p.accounting().TopUp(p.st.AccountState, p.now, t.Text, t.Source, t.Spent, p.st.undated())
	left := atHand(p.Site.Credit, p.st.Credit)
	p.st.AccountState = next
	p.st.Pasted = t.pasted(p.st.Pasted, p.now, result.Token.Code)
	way := credit.Way(t.Source)
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Reply.TopUp = &result
	// What changes nothing is not worth a write: who may send tokens could have
	// the disk written to without end.
	p.eff.Durable = p.eff.Durable || result.Accepted() || result.Token.Code.Guess()
	switch {
	case result.Accepted():
		p.clear(health.TokenRejected, "")
		p.clear(health.TokenLocked, way)
		p.st.WantPlan = true
		if !p.st.Clock.Dateless() {
			p.st.Purchases = p.purchases(&p.st).Buy(p.Zone, p.now, left, atHand(p.Site.Credit, p.st.Credit))
		}
		p.st.Ladder = p.st.Ladder.TopUp(p.now, result.Token.Effect)
		if result.Token.ID != "" {
			// The entry that names the token; the last one that does.
			for _, e := range slices.Backward(entries) {
				if e.Ref == result.Fingerprint {
					p.eff.Credited = append(p.eff.Credited, Credited{result.Fingerprint, result.Former, p.now, e.Seq})
					break
				}
			}
		}
		p.event("token_accepted", health.Info, by(t.Source, result.Says))
	case result.Token.Code == credit.Lockout:
		p.raise(health.TokenLocked, way, result.Says)
	case result.Token.Code == credit.Used, result.Token.Code == credit.Old:
		p.event("token_"+string(result.Token.Code), health.Info, by(t.Source, result.Says))
	default:
		p.raise(health.TokenRejected, "", said.Of("token.entered", said.Text("by", t.Source)).Then(result.Says))
		p.event("token_"+string(result.Token.Code), health.Info, by(t.Source, result.Says))
	}
}

// withheld answers a token that is not looked at.
func (t Token) withheld(p *step) {
	p.eff.Reply.TopUp = &credit.Result{
		Token: credit.Token{Code: credit.Withheld}, Available: p.st.Credit.Available(),
		Says: said.Of("token.withheld"),
	}
	p.event("token_"+string(credit.Withheld), health.Info, by(t.Source, said.Of("token.records_old")))
}

// held answers a token while nobody knows what the balance is.
func (t Token) held(p *step) {
	p.eff.Reply.TopUp = &credit.Result{
		Token:     credit.Token{Code: credit.Unreadable, Detail: said.Words(p.st.Hold.Why)},
		Available: p.st.Credit.Available(), Says: said.Of("token.held"),
	}
	p.event("token_held", health.Serious, said.Of("token.not_taken", said.Text("by", t.Source)))
}

// by is what became of a token that came by a way.
func by(source string, says said.Said) said.Said {
	return said.Of("token.by", said.Text("by", source)).Then(says)
}
