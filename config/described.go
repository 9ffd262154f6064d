package config

import (
	"github.com/keeplit/keeplit/credit/described"
	"github.com/keeplit/keeplit/internal/fault"
)

// Described names the description of a token scheme: one of File and Document.
type Described struct {
	// The description of the scheme. Give it, or document.
	// Example: scheme.yaml
	File string `yaml:"file"`
	// The description written out here.
	// Example: {name: Example, hash: sha1, unit: kwh, message: [{counter: 8}, {value: 2}], digits: [{value: 3}, {counter: 2}, {code: 6}], values: [{from: 1, to: 999, do: add, each: 1}]}
	Document *described.Description `yaml:"document"`
	// The keys that the meter shares with the vendor, the one in use first.
	// Example: [{key: {file: meter.key}}]
	Keys []DescribedKey `yaml:"keys"`
	// Whether tokens are taken that switch prepayment off for good. One is worth more than all others
	// together.
	// Example: true
	UnlockTokens bool `yaml:"unlock_tokens"`
}

// DescribedKey is a key that the meter shares with the vendor.
type DescribedKey struct {
	// The key in hex digits, in a file or an environment variable.
	// Example: {file: meter.key}
	Secret string `yaml:"key" secret:"true"`
	// The counter of the vendor's next token, for a meter that was in use before.
	// Example: 42
	Next int64 `yaml:"next"`
}

// For is the whole document of the scheme, with a description that was read.
func (d *Described) For(meter string, what described.Description) described.Document {
	doc := described.Document{Description: what, Meter: meter, UnlockTokens: d.UnlockTokens}
	for _, k := range d.Keys {
		doc.Keys = append(doc.Keys, described.Key{Key: k.Secret, Next: k.Next})
	}
	return doc
}

// checkDescribed names what is wrong with it as far as this file goes.
func (c *Config) checkDescribed(l *fault.List) {
	d := c.Tokens.Described
	if d == nil {
		return
	}
	if (d.File == "") == (d.Document == nil) {
		l.Add("tokens.described", "give one of file and document", "the description is named twice or not at all")
	}
	l.Under("tokens.described", d.For(c.Site.Meter, described.Description{}).CheckKeys())
	if d.Document == nil {
		return
	}
	if faults := d.Document.Check(); len(faults) > 0 {
		l.Under("tokens.described.document", faults)
		return
	}
	l.Under("tokens.described", c.CheckDescribed(*d.Document))
}

// CheckDescribed names what keeps tokens of a description from being read or
// credited at this site.
func (c *Config) CheckDescribed(what described.Description) (l fault.List) {
	d := c.Tokens.Described
	if what.Unit != c.Credit.Mode && c.Credit.KWhPrice == 0 {
		l.Add("", "set credit.mode to the same, or say by credit.kwh_price what a kWh is worth", "its tokens are of %s and the account is kept in %q, so no token could ever be credited", what.Unit, c.Credit.Mode)
	}
	if faults := d.For(c.Site.Meter, what).Check(); len(faults) > 0 {
		return append(l, faults...)
	}
	for name, fits := range c.otherTokens() {
		if fits(what.Len()) {
			l.Add("", "give the description a fixed digit more, or take one of the two out", "its tokens are as long as those of %s, %d digits: nobody could say which a token is, and a guess would count for both", name, what.Len())
		}
	}
	return l
}

// otherTokens tells of the other schemes how long their tokens are.
func (c *Config) otherTokens() map[string]func(n int) bool {
	out := map[string]func(int) bool{}
	if o := c.Tokens.OpenPAYGO; o != nil {
		out["openpaygo"] = func(n int) bool {
			standard := o.Form()
			standard.Extended = false
			return n == o.Form().Len() || n == standard.Len()
		}
	}
	if c.Tokens.STS != nil {
		out["sts"] = func(n int) bool { return n == stsDigits }
	}
	return out
}

// stsDigits is how many digits an STS token has; a voucher has more than a description may.
const stsDigits = 20
