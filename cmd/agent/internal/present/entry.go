package present

import (
	"regexp"
	"strings"
)

// recorded are the causes of ledger entries as they are recorded, in English and under the entry's hash, and the key
// of the text by which they are told to people; what stands in them has the text's names.
var recorded = []struct {
	cause *regexp.Regexp
	key   string
}{
	{regexp.MustCompile(`^account opened for meter (?P<meter>.*) with a credit of (?P<amount>.*)$`), "entry.opened"},
	{regexp.MustCompile(`^\S+ token by (?P<by>.+) adds .*$`), "said.asked"},
	{regexp.MustCompile(`^\S+ token by (?P<by>.+) sets the balance to (?P<amount>.*)$`), "entry.set"},
	{regexp.MustCompile(`^\S+ token by (?P<by>.+) clears the credit$`), "entry.cleared"},
	{regexp.MustCompile(`^(?P<share>\d+) % of the top-up towards `), "entry.share"},
	{regexp.MustCompile(`^towards |, taken at purchase$`), "entry.taken"},
	{regexp.MustCompile(`^instalment of the \S+ from (?P<from>\S+) towards `), "entry.instalment"},
	{regexp.MustCompile(`^free units of the \S+ from (?P<from>\S+)$`), "entry.free"},
	{regexp.MustCompile(`^emergency credit of (?P<amount>.*) is spent$`), "entry.emergency_spent"},
	{regexp.MustCompile(`^emergency credit is paid back; `), "entry.emergency_back"},
}

// EntryCause is the cause of a ledger entry in the reader's language; as it is recorded where it is one that is told
// in a person's own words, or has no text.
func (p Phrases) EntryCause(cause string) string {
	for _, r := range recorded {
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
