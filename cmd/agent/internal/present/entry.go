package present

import (
	"regexp"
	"strings"
)

// Causes of ledger entries as they are recorded, in English and under the entry's hash; what stands in them has the
// names of the texts by which they are told to people.
var (
	recordedOpened     = regexp.MustCompile(`^account opened for meter (?P<meter>.*) with a credit of (?P<amount>.*)$`)
	recordedAdds       = regexp.MustCompile(`^\S+ token by (?P<by>.+) adds .*$`)
	recordedSet        = regexp.MustCompile(`^\S+ token by (?P<by>.+) sets the balance to (?P<amount>.*)$`)
	recordedCleared    = regexp.MustCompile(`^\S+ token by (?P<by>.+) clears the credit$`)
	recordedShare      = regexp.MustCompile(`^(?P<share>\d+) % of the top-up towards `)
	recordedTaken      = regexp.MustCompile(`^towards |, taken at purchase$`)
	recordedInstalment = regexp.MustCompile(`^instalment of the \S+ from (?P<from>\S+) towards `)
	recordedFree       = regexp.MustCompile(`^free units of the \S+ from (?P<from>\S+)$`)
	recordedSpent      = regexp.MustCompile(`^emergency credit of (?P<amount>.*) is spent$`)
	recordedBack       = regexp.MustCompile(`^emergency credit is paid back; `)
)

// toldAs is a recorded cause and the key of the text by which it is told.
type toldAs struct {
	cause *regexp.Regexp
	key   string
}

func recorded() []toldAs {
	return []toldAs{
		{recordedOpened, "entry.opened"},
		{recordedAdds, "said.asked"},
		{recordedSet, "entry.set"},
		{recordedCleared, "entry.cleared"},
		{recordedShare, "entry.share"},
		{recordedTaken, "entry.taken"},
		{recordedInstalment, "entry.instalment"},
		{recordedFree, "entry.free"},
		{recordedSpent, "entry.emergency_spent"},
		{recordedBack, "entry.emergency_back"},
	}
}

// EntryCause is the cause of a ledger entry in the reader's language; as it is recorded where it is one that is told
// in a person's own words, or has no text.
func (p Phrases) EntryCause(cause string) string {
	for _, r := range recorded() {
		m := r.cause.FindStringSubmatch(cause)
		if m == nil {
			continue
		}
		text := p.Words.T(r.key)
		for i, name := range r.cause.SubexpNames() {
			if name == "" {
				continue
			}
			value := m[i]
			if name == "by" {
				code := leading.FindString(value)
				value = p.Words.Or("lead."+code, code) + value[len(code):]
			}
			text = strings.NewReplacer("{"+name+"}", value, "{"+name+":lead}", value).Replace(text)
		}
		return text
	}
	return cause
}
