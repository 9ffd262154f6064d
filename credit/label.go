package credit

import (
	"slices"
	"strings"
	"unicode"
)

// What a message calls its numbers, in the languages of the page: what a token is called, and what other numbers
// are, which may be as long as one.
const (
	tokenWords = "token tokens kct code recharge voucher vouchers tokeni ithokheni amathokheni código codigo códigos codes ficha fichas jeton टोकन টোকেন رمز الرمز رموز الرموز"
	otherWords = "meter mtr metre meters msn serial account acct acc ref reference receipt rcpt rct invoice inv transaction txn tel phone pan vat " +
		"zähler zählernummer konto kundennummer rechnung quittung telefon referenz compteur compte reçu facture téléphone référence medidor contador cuenta recibo factura teléfono referencia " +
		"conta fatura telefone referência mita akaunti risiti simu piga imitha i-akhawunti irisidi ucingo मीटर खाता रसीद फ़ोन फोन মিটার হিসাব রসিদ ফোন عداد العداد حساب الحساب إيصال هاتف الهاتف"
	// shortGroup is up to how many digits are a part of a number that goes on.
	shortGroup = 6
)

// label is what a group of digits is called by the words before it.
type label int

const (
	unnamed label = iota
	asToken
	asOther
)

// labels tells of each group what it is called: by the last such word before it, and by that of the group before
// where the number goes on.
func (f *finder) labels(g []group) []label {
	out := make([]label, len(g))
	end := 0
	for i := range g {
		for _, word := range strings.FieldsFunc(strings.ToLower(f.text[end:max(end, g[i].from)]), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
			switch {
			case listed(tokenWords, word):
				out[i] = asToken
			case listed(otherWords, word):
				out[i] = asOther
			}
		}
		if out[i] == unnamed && i > 0 && g[i].gap == near && len(g[i-1].digits) <= shortGroup {
			out[i] = out[i-1]
		}
		end = g[i].to
	}
	return out
}

func listed(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

// named marks the groups as noise that are called by another name than a token's.
func (f *finder) named(g []group) []group {
	for i, l := range f.labels(g) {
		g[i].noise = g[i].noise || l == asOther
	}
	return g
}

// called are those of what was found that are whole: whether one is called a token, whether all are, and how many
// lengths they have.
func (f *finder) called(found []Found) (one, all bool, lengths int) {
	g := f.groups()
	labels := f.labels(g)
	lens := map[int]bool{}
	all = true
	for _, d := range found {
		if d.Slip != Whole {
			continue
		}
		lens[len(d.Digits)] = true
		i := slices.IndexFunc(g, func(x group) bool { return x.from <= d.From && d.From < x.to })
		is := i >= 0 && labels[i] == asToken
		one, all = one || is, all && is
	}
	return one, all, len(lens)
}

// message is what is found in a text: a number that is called by another name is none where a token is called one;
// and where what is found has several lengths and not all of it is called a token, it is not clear which is one.  A
// list of numbers, without a word, is no message.
func (f *finder) message(groups []group) []Found {
	if !strings.ContainsFunc(f.text, unicode.IsLetter) {
		return f.lines(groups)
	}
	out := f.lines(f.named(slices.Clone(groups)))
	one, all, lengths := f.called(out)
	if !one {
		out = f.lines(groups)
		_, all, lengths = f.called(out)
	}
	if lengths > 1 && !all {
		return []Found{unclear(groups, f.text)}
	}
	return out
}

// regular tells whether groups are of one length, the last of up to it, as tokens are printed.
func regular(g []group) bool {
	first := len(g[0].digits)
	for _, p := range g[:len(g)-1] {
		if len(p.digits) != first {
			return false
		}
	}
	return first > 1 && first <= shortGroup && len(g[len(g)-1].digits) <= first || len(g) == 2 && first == len(g[1].digits)
}

// joined tells whether groups that are together as long as a token are one: not where some of them are one already,
// unless it is so that tokens are printed, and not two that no token is cut into.
func (f *finder) joined(g []group) bool {
	return len(g) < 2 || regular(g) || (len(g) > 2 || even(g)) && !f.holds(g)
}

// holds tells whether some of the groups, the first or the last ones, are as long as a token by themselves: then all
// together may be a token with another number beside it.
func (f *finder) holds(g []group) bool {
	for n := 1; n < len(g); n++ {
		for _, part := range [][]group{g[:n], g[n:]} {
			var b strings.Builder
			for _, p := range part {
				b.WriteString(p.digits)
			}
			if f.fits(b.String()) {
				return true
			}
		}
	}
	return false
}

// unclear is a text in which it cannot be told which numbers are the token.
func unclear(g []group, text string) Found {
	var parts []string
	for _, p := range g {
		parts = append(parts, p.digits)
	}
	return Found{Digits: strings.Join(parts, " "), Slip: Unclear, To: len(text)}
}
