// Package present has the words: what a person is told of the house, on the
// page, at the keypad, on the command line and over MQTT.  What is told comes as
// codes and values; the sentences are in text/en.json, and in another language
// in another file and that one state of the house is told alike everywhere.
package present

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed text
var embedded embed.FS

// English is the language that every text has, and that stands in for a text that
// another language lacks.
const English = "en"

// Languages are those that there are texts of, by their ISO 639 codes.
func Languages() []string {
	files, err := embedded.ReadDir("text")
	if err != nil { // they are part of the program
		return []string{English}
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), ".json"))
	}
	return out
}

// Catalogue is every text of one language, by key; text/en.json is the model a
// translator copies.  A text holds its values in braces: "in {time}".  A text
// that depends on a number has a key for each plural form that the language has by
// CLDR: KEY.one, KEY.other, in Arabic KEY.two and more.
type Catalogue struct {
	lang  string
	tag   language.Tag
	texts map[string]string
	// checked tells whether somebody who speaks the language has looked at the texts.
	checked bool
	// point and between are what stands before a number's decimals and between its
	// thousands.
	point, between string
}

// Open reads the texts of a language; "" is English.
func Open(lang string) (*Catalogue, error) {
	if lang == "" {
		lang = English
	}
	c := &Catalogue{lang: lang, texts: map[string]string{}}
	for _, l := range slices.Compact([]string{English, lang}) {
		b, err := embedded.ReadFile("text/" + l + ".json")
		if err != nil {
			return nil, fmt.Errorf("there are no texts in %q, but in %s", lang, strings.Join(Languages(), ", "))
		}
		var texts map[string]string
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("text/%s.json: %w", l, err)
		}
		if l != English { // a form of English is none of another language's
			for k := range texts {
				if key, ok := strings.CutSuffix(k, ".other"); ok {
					delete(c.texts, key+".one")
				}
			}
		}
		maps.Copy(c.texts, texts)
		c.checked = texts["language.checked"] == "yes"
	}
	c.tag, _ = language.Parse(lang) // a test sees to it that it is one
	c.point, c.between = c.Or("number.point", "."), c.Or("number.between", Narrow)
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
	form := "." + formOf(plural.Cardinal.MatchPlural(c.tag, max(n, -n), 0, 0, 0, 0))
	if !c.Has(key + form) {
		form = ".other"
	}
	return c.T(key+form, append([]any{"n", n}, pairs...)...)
}

// formOf is CLDR's name of a plural form.
func formOf(f plural.Form) string {
	switch f {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	case plural.Other:
	}
	return "other"
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

// RightToLeft tells whether the language is written so.
func (c *Catalogue) RightToLeft() bool {
	script, _ := c.tag.Script()
	return script == language.MustParseScript("Arab") || script == language.MustParseScript("Hebr")
}

// Checked tells whether somebody who speaks the language has looked at the texts.
func (c *Catalogue) Checked() bool { return c.checked }

// Lang is the language of the texts, as HTML names it.
func (c *Catalogue) Lang() string { return c.lang }
