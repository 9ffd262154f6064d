package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// Message is what goes to a recipient at once.
type Message struct {
	ID      string // the same for the same notices: who hears it twice knows
	Site    string // its id
	Name    string // its name, for people
	At      time.Time
	Grade   health.Severity // of the worst notice that holds
	Subject string          // a line
	Text    string          // lines
	Notices []Notice
}

// longest is how many characters of a text of others are handed on.
const longest = 1000

// line is text without what breaks a line, a header or a screen.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return strings.TrimSpace(s)
}

// compose makes a message of notices, of which there is at least one.
func compose(site, name, who string, say present.Phrases, at time.Time, notices []Notice) Message {
	m := Message{Site: site, Name: name, At: at, Notices: notices, Grade: health.Info}
	id := sha256.New()
	fmt.Fprintf(id, "%q %q", site, who)
	var parts []string
	for _, n := range notices {
		fmt.Fprintf(id, " %q %q %d %d %d", n.Code, n.Subject, n.Grade, n.Since.UnixMilli(), n.Over.UnixMilli())
		title := line(n.Title)
		if !n.Over.IsZero() {
			title = say.Words.T("alert.over", "title", title)
			parts = append(parts, title+"\n"+say.Words.T("alert.lasted", "from", say.When(n.Since), "to", say.When(n.Over)))
		} else {
			m.Grade = max(m.Grade, n.Grade)
			lines := []string{title}
			if c := line(n.Cause); c != "" {
				lines = append(lines, c)
			}
			lines = append(lines, say.Words.T("do")+" "+line(n.Remedy), say.Words.T("alert.since", "when", say.When(n.Since)))
			parts = append(parts, strings.Join(lines, "\n"))
		}
		if m.Subject == "" {
			m.Subject = line(name) + ": " + title
		}
	}
	if more := len(notices) - 1; more > 0 {
		m.Subject += " " + say.Words.N("alert.more", more)
	}
	m.ID = hex.EncodeToString(id.Sum(nil)[:12])
	m.Text = strings.Join(parts, "\n\n")
	return m
}

// Trial is a message that shows that a way works.
func Trial(site, name string, words present.Words, at time.Time) Message {
	return Message{
		ID: fmt.Sprintf("trial-%d", at.UnixMilli()), Site: site, Name: name, At: at, Grade: health.Info,
		Subject: line(name) + ": " + words.T("alert.trial"), Text: words.T("alert.trial.line"),
	}
}
