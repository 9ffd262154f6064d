package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// topup takes tokens, and the PIN with them from a reader who has not signed in,
// so that nobody types twenty digits twice.
func (s *Server) topup(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimSpace(r.PostFormValue("token"))
	if !s.mayChange(r) {
		if n := s.enter(w, r, r.PostFormValue("pin")); n != nil {
			if byHTMX(r) {
				s.renderNotice(w, r, n)
				return
			}
			if !s.readingOpen() {
				s.renderSignin(w, r, http.StatusUnprocessableEntity, signinBody{Next: "/topup"}, n)
				return
			}
			m := s.openPage(r, "topup")
			m.Notice, m.Body = n, topupBody{Token: token, Lasts: s.lastsFor(m, "")}
			s.render(w, r, http.StatusUnprocessableEntity, m)
			return
		}
	}
	result, err := s.agent.TopUp(r.Context(), token, "page")
	v := s.agent.View()
	m := s.model(&v, "topup")
	m.SignedIn, m.MayChange = s.sessions.signed(r.Context()), true
	n := s.topupNotice(m, result, err)
	n.Gate = true
	if digits := bareDigits(token); n.Level != "good" && result.Outcome != Malformed && len(result.Each) == 0 && digits != "" {
		n.add(s.texts.T("topup.entered", "token", m.Token(digits)))
	}
	if byHTMX(r) {
		switch done := err == nil && (result.Outcome == Accepted || result.Outcome == AlreadyUsed); {
		case n.Left != "": // the field keeps what is left to enter
			w.Header().Set("HX-Trigger", `{"keeplit:left":{"text":`+strconv.QuoteToASCII(n.Left)+`}}`)
		case err == nil && len(result.Each) == 0 && (result.Outcome == Wrong || result.Outcome == Refused || result.Outcome == TooOld):
			w.Header().Set("HX-Trigger", "keeplit:refused")
		case done || err == nil && len(result.Each) > 0 && !result.stopped():
			w.Header().Set("HX-Trigger", "keeplit:credited")
		}
	}
	m.Body = topupBody{Last: s.lastTopUp(r)}
	s.answer(w, r, "/topup", n, append(m.liveRegions(), region{"pin", "pin", m}, region{"lock", "lock", m}, region{"lasttopup", "lasttopup", m})...)
}

// bareDigits are the digits of a text that holds nothing besides; "" where it does.
func bareDigits(text string) string {
	text = strings.NewReplacer(" ", "", "-", "", ".", "").Replace(text)
	if len(text) > longestToken || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return ""
	}
	return text
}

// longestToken is longer than the tokens of any scheme.
const longestToken = 30

// topupNotice is the answer to a token or to several, in words.
func (s *Server) topupNotice(m *model, res TopUpResult, err error) *notice {
	t := s.texts.T
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return refused(refusal)
		}
		s.log.Error("top-up", "error", err)
		return &notice{Level: "bad", Title: t("topup.unsure"), Lines: []string{t("topup.unsure.do")}}
	}
	if len(res.Each) > 0 {
		return s.listNotice(m, res)
	}
	n := s.tokenNotice(m, res)
	if res.Outcome == Accepted {
		s.afterwards(m, res, n)
	}
	return n
}

// afterwards says what stands after a top-up, and whether there is light.
func (s *Server) afterwards(m *model, res TopUpResult, n *notice) {
	t := s.texts.T
	n.Lines = append(n.Lines, t("topup.balance", "amount", m.Money(res.Balance)))
	if len(res.NextToDebt) > 0 {
		parts := make([]string, len(res.NextToDebt))
		for i, part := range res.NextToDebt {
			parts[i] = m.Money(part)
		}
		n.Lines = append(n.Lines, t("topup.next", "amount", m.Money(res.NextAmount), "parts", strings.Join(parts, ", ")))
	}
	if res.Restored {
		n.Lines = append(n.Lines, t("topup.restored"))
	}
	if res.ReadyToRestore {
		n.Lines = append(n.Lines, t("topup.ready"))
	}
	if off := m.stillOff(res); len(off) > 0 {
		n.Level, n.Lines = "low", append(n.Lines, off...)
	}
}

// tokenNotice is what became of one token.
func (s *Server) tokenNotice(m *model, res TopUpResult) *notice {
	t := s.texts.T
	say := func(level, key string) *notice {
		return &notice{Level: level, Title: t(key), Lines: []string{t(key + ".do")}}
	}
	var left wait
	until := func() (lines []string) {
		if res.Until.After(m.Now) {
			left = wait{Left: res.Until.Sub(m.Now), Words: m.In(res.Until), Over: t("wait.over"), Speed: m.speed()}
			lines = append(lines, t("topup.until", "time", left.Words, "when", m.When(res.Until)))
		}
		return lines
	}
	switch res.Outcome {
	case Accepted:
		n := &notice{Level: "good", Title: t("topup.accepted", "amount", m.Signed(res.Amount))}
		if res.Effect != "" {
			n.Title = res.Effect
		}
		for _, p := range res.Paid {
			n.Lines = append(n.Lines, p.Name+": "+m.Money(p.Amount))
		}
		return n
	case AlreadyUsed:
		n := &notice{Level: "low", Title: t("topup.used")}
		if !res.At.IsZero() {
			n.Lines = append(n.Lines, t("topup.used.at", "when", m.When(res.At), "amount", m.Money(res.Amount)))
		}
		n.Lines = append(n.Lines, t("topup.used.do"))
		return n
	case TooOld:
		return say("low", "topup.old")
	case Wrong:
		n := &notice{Level: "bad", Title: t("topup.wrong")}
		if res.TriesLeft > 0 {
			n.Lines = append(n.Lines, t("topup.wrong.do"), s.texts.N("topup.tries", res.TriesLeft))
		}
		n.Lines = append(n.Lines, until()...)
		n.Wait = left
		return n
	case Malformed:
		n := say("low", "topup.malformed")
		switch {
		case res.Slip == "letter", res.Slip == "unclear":
			n.Lines[0] = t("topup.slip." + res.Slip)
		case res.Off > 0 && res.Off <= 3 && (res.Slip == "short" || res.Slip == "long"):
			n.Lines[0] = s.texts.N("topup.slip."+res.Slip, res.Off)
		}
		return n
	case Locked:
		n := say("bad", "topup.locked")
		n.Lines = append(until(), n.Lines...)
		n.Wait = left
		return n
	case NotRecorded:
		return say("bad", "topup.not_recorded").add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	case NotKnown:
		return say("bad", "topup.not_known").add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	case Waiting:
		return &notice{Level: "", Title: t("topup.waiting")}
	default:
		n := &notice{Level: "bad", Title: t("topup.refused")}
		if res.Reason == "" {
			n.Lines = []string{t("topup.refused.do")}
		}
		return n.add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	}
}

// entered tells whether nothing is left to do about a token.
func (r TopUpResult) entered() bool {
	switch r.Outcome {
	case Accepted, AlreadyUsed, TooOld:
		return true
	case Refused:
		return !r.Later
	case Wrong, Malformed, Locked, NotRecorded, NotKnown, Waiting:
	}
	return false
}

// stopped tells whether some of several are left to enter.
func (r TopUpResult) stopped() bool {
	for _, e := range r.Each {
		if !e.entered() {
			return true
		}
	}
	return false
}

// receipt is what became of one of several tokens.
type receipt struct {
	N            int
	Token, Level string
	Title        string
	Lines        []string
	Wait         wait
}

// Icon is the picture of a receipt's level.
func (r receipt) Icon() string { return levelIcon(r.Level) }

// listNotice is what became of several tokens, one receipt for each, and what
// is left to enter.
func (s *Server) listNotice(m *model, res TopUpResult) *notice {
	n := &notice{Level: "good"}
	entered, refused, stop := 0, 0, TopUpResult{}
	var left []string
	for _, e := range res.Each {
		one := s.tokenNotice(m, e)
		n.Receipts = append(n.Receipts, receipt{e.N, m.Token(e.Digits), one.Level, one.Title, one.Lines, one.Wait})
		if e.entered() {
			entered++
			if e.Outcome == Refused || e.Outcome == TooOld {
				refused++
			}
			continue
		}
		left = append(left, present.Grouped(e.Digits))
		if e.Outcome != Waiting {
			stop = e
		}
	}
	n.Title = s.texts.T("topup.list", "n", strconv.Itoa(entered-refused), "of", strconv.Itoa(len(res.Each)))
	if refused > 0 {
		n.Level, n.Lines = "low", append(n.Lines, s.texts.N("topup.list.refused", refused))
	}
	if res.Amount != 0 {
		n.Lines = append(n.Lines, s.texts.T("topup.list.sum", "amount", m.Signed(res.Amount)))
	}
	if entered > 0 {
		s.afterwards(m, res, n)
	}
	if len(left) == 0 {
		return n
	}
	if n.Level = "low"; entered == refused {
		n.Level = "bad"
	}
	n.Left = strings.Join(left, "\n")
	key := "topup.list.fix"
	switch stop.Outcome {
	case Wrong, Malformed:
	default:
		key = "topup.list.later"
	}
	if stop.N == 0 { // more than are entered at once
		key = "topup.list.rest"
	}
	if m.Page == "" { // who has no field keeps them
		key += ".sent"
	}
	n.Lines = append(n.Lines, s.texts.T(key, "n", strconv.Itoa(stop.N)))
	if res.KeyWords < res.KeyOf && stop.Outcome == Wrong {
		n.Lines = append(n.Lines, s.texts.T("topup.list.key", "n", strconv.Itoa(res.KeyWords), "of", strconv.Itoa(res.KeyOf)))
	}
	return n
}

// receiptLine is a receipt in one line.
func (r receipt) line() string {
	return strconv.Itoa(r.N) + ". " + present.Sentences(append([]string{r.Title}, r.Lines...)...)
}

// stillOff says that a top-up has not brought the light back, why, and what is
// missing.
func (m *model) stillOff(res TopUpResult) []string {
	s := m.V.Supply
	if s.State != present.Disconnected || res.Restored || res.ReadyToRestore {
		return nil
	}
	p := present.Phrases{Format: m.Format}
	if s.Cause == present.ByCredit {
		return []string{p.Pay(s, "still")}
	}
	return append([]string{m.Words.T("topup.off")}, p.Supply(s).Lines...)
}
