package journal

import (
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
)

// An event is told in the language of who reads it, whatever the site spoke when it was stored.
func TestWhatHappenedIsToldInTheReadersLanguage(t *testing.T) {
	says := said.Of("setting.load", said.Text("name", "Geyser"), said.Text("by", "page")).
		Then(said.Of("setting.any_hour"), said.Of("setting.class", said.Text("class", "nice_to_have")))
	in := func(lang string) present.Plain { return present.WordsIn(lang).Anywhere() }
	for _, c := range []struct {
		situation, lang string
		data            []byte
		want            string
	}{
		{"in English", "en", happened("", says), "Geyser, by the page: at any hour; nice to have"},
		{"in German", "de", happened("", says), "Geyser, durch die Seite: zu jeder Zeit; schön zu haben"},
		{"with what it is about", "en", happened("geyser", said.Of("setting.out")), "geyser: not in use"},
		{"of an older program", "de", nil, "as it was stored"},
		{"of a newer one", "de", happened("", said.Of("nobody.knows")), "as it was stored"},
		{"not to be read", "de", []byte("{"), "as it was stored"},
	} {
		if got := Happened(in(c.lang), store.Event{Text: "as it was stored", Data: c.data}); got != c.want {
			t.Errorf("%s: %q, want %q", c.situation, got, c.want)
		}
	}
}
