package main

import (
	"slices"
	"strings"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// doubted is a document whose doubts are found as another's faults are, each with its line.
type doubted struct {
	tariffs.Document `yaml:",inline"`
	file             string
}

func (d *doubted) Check() fault.List { return tariffDoubts(&d.Document, d.file) }

// doubtsOf are the doubts about a good document, by line.
func doubtsOf(file string, text []byte) fault.List {
	d := doubted{file: strings.TrimPrefix(file, "ready:")}
	return config.DecodeInto(&d, text, config.FromSystem())
}

// tariffDoubts are a good document's own doubts, and that of bearing a ready document's name
// without its prices.  ready is the document's own name where it is a ready one.
func tariffDoubts(doc *tariffs.Document, ready string) fault.List {
	l := doc.Doubts()
	if ready != "" && slices.Contains(catalogue.Names(), ready) {
		return l
	}
	near, nearAt := "", ""
	for _, name := range catalogue.Names() {
		text, err := catalogue.Read(name)
		if err != nil {
			continue
		}
		other, faults := config.Decode[tariffs.Document](text)
		if len(faults) > 0 || !likeName(doc.Name, other.Name) {
			continue
		}
		at := differ(doc, &other)
		if at == "" {
			return l // it is that one
		}
		if near == "" || doc.Name == other.Name {
			near, nearAt = name, at
		}
	}
	if near != "" {
		l.Add("name", "compare with \"agent tariff ready "+near+"\", or give it a name of its own", "it is called as the ready tariff %s, which differs in %s", near, nearAt)
	}
	return l
}

// likeName tells whether a name is another one, or a slip away from it.
func likeName(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return len(a) > 3 && config.Apart(a, b) <= min(2, len(a)/5)
}

// differ says in what two documents are charged differently, "" where they are not.
func differ(a, b *tariffs.Document) string {
	if a.Currency != b.Currency {
		return "the currency"
	}
	v, w := &a.Versions[len(a.Versions)-1], &b.Versions[len(b.Versions)-1]
	price := func(e *tariffs.EnergyCharge) []any {
		out := []any{e.Price}
		for _, s := range e.Steps {
			out = append(out, s.To, s.Price)
		}
		return out
	}
	for i := range max(len(v.Energy), len(w.Energy)) {
		if i >= len(v.Energy) || i >= len(w.Energy) {
			return "how many energy prices there are"
		}
		x, y := price(&v.Energy[i]), price(&w.Energy[i])
		if len(x) != len(y) {
			return "the steps of " + v.Energy[i].Name
		}
		for j := range x {
			if x[j] != y[j] {
				return "the price of " + v.Energy[i].Name
			}
		}
	}
	for i := range v.Taxes {
		if i >= len(w.Taxes) || v.Taxes[i].Rate != w.Taxes[i].Rate {
			return "the tax " + v.Taxes[i].Name
		}
	}
	return ""
}
