// Package present has the words: what a person is told of the house, on the
// page, at the keypad, on the command line and over MQTT.  What is told comes as
// codes and values; the sentences are in text/en.json, so that another language
// is another file and that one state of the house is told alike everywhere.
package present

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed text
var embedded embed.FS

// Catalogue is every text of one language, by key; text/en.json is the model a
// translator copies.  A text holds its values in braces: "in {time}".  A text
// that depends on a number has the keys KEY.one and KEY.other.
type Catalogue struct {
	lang  string
	texts map[string]string
}

// Open reads the texts of a language.
func Open(lang string) (*Catalogue, error) {
	b, err := embedded.ReadFile("text/" + lang + ".json")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{lang: lang}
	if err := json.Unmarshal(b, &c.texts); err != nil {
		return nil, fmt.Errorf("text/%s.json: %w", lang, err)
	}
	return c, nil
}

// T is the text of key with its values filled in, given as name, value, name,
// value.  A key that is not there is written as itself: ugly, but nobody is
// left without a page.
func (c *Catalogue) T(key string, pairs ...any) string {
	s, ok := c.texts[key]
	if !ok {
		return key
	}
	if len(pairs) == 0 {
		return s
	}
	fill := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		fill = append(fill, "{"+fmt.Sprint(pairs[i])+"}", fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(fill...).Replace(s)
}

// N is T for a number n, which fills {n}.
func (c *Catalogue) N(key string, n int, pairs ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return c.T(key+form, append([]any{"n", n}, pairs...)...)
}

// Or is the text of key, or other where there is none.
func (c *Catalogue) Or(key, other string) string {
	if s, ok := c.texts[key]; ok {
		return s
	}
	return other
}

// Has tells whether there is such a text.
func (c *Catalogue) Has(key string) bool { _, ok := c.texts[key]; return ok }

// Lang is the language of the texts, as HTML names it.
func (c *Catalogue) Lang() string { return c.lang }
