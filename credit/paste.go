package credit

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Found is a token in a text, or what was meant for one.
type Found struct {
	// Digits is what a scheme reads: decimal digits, and where one was misread, the
	// letter that stands in its place.
	Digits   string
	From, To int  // bytes of the text between which it stands
	Slip     Slip // what keeps it from being a whole token
	Off      int  // Short, Long: how many digits are missing or too many; 0: it is not known
}

// Slip is what is wrong with digits that are no whole token.
type Slip string

// The slips.
const (
	Whole  Slip = ""
	Short  Slip = "short"  // digits are missing
	Long   Slip = "long"   // there are too many
	Letter Slip = "letter" // a letter stands where a digit belongs
	NoForm Slip = "form"   // it looks like no token at all
	// Unclear: several numbers stand there, and which of them are the token cannot be told.  Digits has blanks
	// between them, so that no scheme reads them as one.
	Unclear Slip = "unclear"
)

// Longest texts and lists: a message of a utility is some hundred bytes, a card
// holds 14 tokens, and 180 digits of nine tokens are the longest that were heard of.
const (
	LongestText = 4096
	MostTokens  = 40
)

// Find is the tokens in what was typed, pasted or scanned, in the order of the
// text: whole ones, each once, and what must have been meant for one, so that
// the person is told which of several is not right.  Words, amounts, dates and
// telephone numbers around them are passed over.  Where there is nothing like a
// token it is one Found: the text as it stands, for the scheme to refuse.
//
// It looks at lengths and at how digits are grouped, never at what a token says:
// who guesses must not learn more from a list than from one token.
func (e *Engine) Find(text string) []Found {
	if len(text) > LongestText { // cut somewhere, it might end in half a token
		return []Found{{Slip: NoForm, To: len(text)}}
	}
	f := finder{e: e, text: text}
	if whole := bare(text); e.fits(whole) {
		if groups := f.groups(); !f.joined(groups) {
			return []Found{unclear(groups, text)}
		}
		return []Found{{Digits: whole, To: len(text)}}
	}
	f.lengths()
	groups := f.groups()
	out := f.message(groups)
	if len(out) == 0 {
		return []Found{f.unlike(Found{Digits: Normalize(text), To: len(text)})}
	}
	return once(out)
}

// once is found without the tokens that came before in it.
func once(found []Found) []Found {
	seen := map[string]bool{}
	return slices.DeleteFunc(found, func(f Found) bool {
		again := f.Slip == Whole && seen[f.Digits]
		seen[f.Digits] = true
		return again
	})
}

// finder looks through one text.
type finder struct {
	e    *Engine
	text string
	lens []int // of whole tokens, the longest first
}

// longestToken is the longest token that there may be: a signed voucher has 212 digits.
const longestToken = 240

// ordinary is how long the longest token is that is typed by hand, 0: there is none.
func (f *finder) ordinary() int {
	for _, n := range f.lens {
		if n <= 32 {
			return n
		}
	}
	return 0
}

// lengths asks the schemes how long their tokens are.
func (f *finder) lengths() {
	for n := longestToken; n >= 4; n-- {
		if f.e.fits(strings.Repeat("1", n)) {
			f.lens = append(f.lens, n)
		}
	}
}

// group is digits with nothing between them.
type group struct {
	digits   string // misread ones are misread
	from, to int
	gap      gap // before it
	noise    bool
}

// misread stands for a letter among digits.
const misread = '?'

// gap is what lies between two groups.
type gap int

// The gaps.
const (
	cut  gap = iota // more than stands between the digits of one token
	line            // the end of a line
	near            // blanks, dashes, dots
)

// digit is the value of a decimal digit of any script.
func digit(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r), r >= '0' && r <= '9'
	}
	if !unicode.IsDigit(r) {
		return 0, false
	}
	// The digits of a script stand together, ten by ten from zero on.
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	return 0, false
}

// groups cuts the text into groups of digits.  One or two letters that touch a
// digit are misread digits; more are a word, and end the group.
func (f *finder) groups() []group {
	var out []group
	type piece struct {
		r    rune
		at   int
		d    byte
		is   bool // a digit
		lett bool
	}
	var all []piece
	for at, r := range f.text {
		d, is := digit(r)
		all = append(all, piece{r, at, d, is, !is && unicode.IsLetter(r)})
	}
	end := func(i int) int { // the byte after piece i
		if i+1 < len(all) {
			return all[i+1].at
		}
		return len(f.text)
	}
	before := cut
	for i := 0; i < len(all); {
		p := all[i]
		switch {
		case p.is || p.lett:
			// A stretch of digits and letters.
			j := i
			for j < len(all) && (all[j].is || all[j].lett) {
				j++
			}
			for k := i; k < j; {
				l := k
				for l < j && all[l].lett == all[k].lett {
					l++
				}
				switch word := all[k].lett; {
				case word && (l-k > 2 || l-k == j-i): // a word, or letters that touch no digit
					before = cut
				case len(out) > 0 && before == near && out[len(out)-1].to == all[k].at && k > i:
					g := &out[len(out)-1]
					g.digits, g.to = g.digits+digitsOf(word, l-k, func(n int) byte { return all[k+n].d }), end(l-1)
				default:
					out = append(out, group{digits: digitsOf(word, l-k, func(n int) byte { return all[k+n].d }), from: all[k].at, to: end(l - 1), gap: before})
					before = near
				}
				k = l
			}
			i = j
			continue
		case p.r == '\n' || p.r == '\r' || p.r == '\u2028' || p.r == '\u2029':
			before = min(before, line)
		case between(p.r):
		default:
			before = cut
		}
		i++
	}
	return f.numbered(dated(dialled(out, f.text), f.text))
}

// numbered marks the groups of the meter's number as noise where something else stands
// beside it: utilities name it with the tokens, and it may be as long as one.
func (f *finder) numbered(g []group) []group {
	for _, s := range f.e.schemes {
		n, ok := s.(Numbered)
		if !ok || n.MeterNumber() == "" {
			continue
		}
		number := bare(n.MeterNumber())
		for i := range g {
			digits := ""
			for j := i; j < len(g) && (j == i || g[j].gap == near) && len(digits) < len(number); j++ {
				if digits += g[j].digits; digits != number || j-i+1 == len(g) {
					continue
				}
				for k := i; k <= j; k++ {
					g[k].noise = true
				}
			}
		}
	}
	return g
}

// digitsOf is n digits, or n misread ones.
func digitsOf(word bool, n int, of func(int) byte) string {
	b := make([]byte, n)
	for i := range b {
		if b[i] = misread; !word {
			b[i] = of(i)
		}
	}
	return string(b)
}

// dialled marks the groups of telephone numbers that begin with a plus as noise: a
// part of one may be as long as a short token.
func dialled(g []group, text string) []group {
	const longest = 15 // digits, by E.164
	for i := 0; i < len(g); i++ {
		if before, _ := utf8.DecodeLastRuneInString(text[:g[i].from]); before != '+' && before != '\uff0b' {
			continue
		}
		for n, j := 0, i; j < len(g) && (j == i || g[j].gap == near) && n+len(g[j].digits) <= longest; j++ {
			g[j].noise = true
			n += len(g[j].digits)
			i = j
		}
	}
	return g
}

// dated marks the groups of dates as noise: their numbers together may be as
// long as a short token.
func dated(g []group, text string) []group {
	small := func(s string, most string) bool { return len(s) <= 2 && len(s) > 0 && (len(s) < 2 || s <= most) }
	year := func(s string) bool { return len(s) == 4 && (s[:2] == "19" || s[:2] == "20") }
	for i := 0; i+2 < len(g); i++ {
		a, b, c := g[i], g[i+1], g[i+2]
		if b.gap != near || c.gap != near || text[a.to:b.from] != text[b.to:c.from] || !strings.ContainsAny(text[a.to:b.from], ".-") {
			continue
		}
		if year(a.digits) && small(b.digits, "12") && small(c.digits, "31") || year(c.digits) && small(a.digits, "31") && small(b.digits, "31") {
			g[i].noise, g[i+1].noise, g[i+2].noise = true, true, true
			i += 2
		}
	}
	return g
}

// lines finds the tokens line by line.  A token that is broken at the end of a
// line is found where the lines together are tokens and nothing else.
func (f *finder) lines(groups []group) []Found {
	var out []Found
	for from := 0; from < len(groups); {
		to := from + 1
		for to < len(groups) && groups[to].gap != cut {
			to++
		}
		block := groups[from:to]
		if whole, noise := f.parse(block); len(noise) == 0 {
			out = append(out, whole...)
			from = to
			continue
		}
		for i := 0; i < len(block); {
			j := i + 1
			for j < len(block) && block[j].gap == near {
				j++
			}
			out = append(out, f.stretch(block[i:j])...)
			i = j
		}
		from = to
	}
	return out
}

// stretch finds the tokens in groups with only blanks and dashes between them.
func (f *finder) stretch(g []group) []Found {
	out, noise := f.parse(g)
	for _, n := range noise {
		if m, ok := f.meantIn(n, len(n) == len(g)); ok {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Compare(a.From, b.From) })
	return out
}

// score is how well groups were read: digits that are in tokens, and stretches
// that are not; ways is in how many ways as well.
type score struct {
	covered, rests, ways int
	resting              bool // the reading begins with a rest
	take                 int  // groups that its first token takes; 0: none
}

// parse reads groups as tokens that begin and end with a group, as many digits
// as may be, with as few stretches between them that are none; those are rests.
// Where there are several ways to do so, none is the right one.
func (f *finder) parse(g []group) (whole []Found, rests [][]group) {
	n := len(g)
	// best[i] is of the groups from i on, once for each way to begin.
	best := make([][2]score, n+1) // [1]: the group before i is in a rest
	best[n] = [2]score{{ways: 1}, {ways: 1}}
	better := func(a, b score) bool { // a than b
		return a.covered > b.covered || a.covered == b.covered && a.rests < b.rests
	}
	for i := n - 1; i >= 0; i-- {
		for after := range 2 {
			b := best[i+1][1]
			b.take, b.resting = 0, true
			if after == 0 {
				b.rests++
			}
			total := 0
			for j := i + 1; j <= n && !g[j-1].noise; j++ {
				if total += len(g[j-1].digits); j > i+1 && total > f.longest() {
					break // several groups are one token or none
				}
				if f.cut(g[i:j], i == 0 && j == n) == nil {
					continue
				}
				t := best[j][0]
				t.covered, t.take, t.resting = t.covered+total, j-i, false
				switch {
				case better(t, b):
					b = t
				case !better(b, t):
					b.ways += t.ways
				}
			}
			b.ways = min(b.ways, 1000)
			best[i][after] = b
		}
	}
	if b := best[0][0]; b.rests > 0 || b.ways > 1 {
		if all := f.pieces(g); all != nil {
			return all, nil
		}
		if b.ways > 1 {
			return nil, [][]group{g}
		}
	}
	var rest []group
	for i, after := 0, 0; i < n; {
		s := best[i][after]
		if s.take == 0 {
			rest = append(rest, g[i])
			i, after = i+1, 1
			continue
		}
		if rest != nil {
			rests, rest = append(rests, rest), nil
		}
		whole = append(whole, f.cut(g[i:i+s.take], i == 0 && s.take == n)...)
		i, after = i+s.take, 0
	}
	if rest != nil {
		rests = append(rests, rest)
	}
	return whole, rests
}

// longest is how long the longest token is.
func (f *finder) longest() int {
	if len(f.lens) == 0 {
		return 0
	}
	return f.lens[0]
}

// cut is groups as one token, or as several without anything between them; nil
// where they are none.  all: they are all that stands there.
func (f *finder) cut(g []group, all bool) []Found {
	var b strings.Builder
	for _, p := range g {
		b.WriteString(p.digits)
	}
	digits := b.String()
	if f.fits(digits) && (all && len(g) > 2 || even(g)) && f.joined(g) {
		return []Found{f.found(g, 0, digits)}
	}
	if len(g) > 1 {
		return nil
	}
	return f.pieces(g)
}

// pieces is groups as several tokens without anything between them, whatever the
// groups are: all of one length, but the last.
func (f *finder) pieces(g []group) []Found {
	var b strings.Builder
	for i, p := range g {
		if b.WriteString(p.digits); p.noise || i < len(g)-1 && len(p.digits) != len(g[0].digits) {
			return nil
		}
	}
	digits := b.String()
	for _, n := range f.lens {
		if len(digits)%n != 0 || len(digits) < 2*n {
			continue
		}
		var out []Found
		for at := 0; at < len(digits) && f.fits(digits[at:at+n]); at += n {
			out = append(out, f.found(g, at, digits[at:at+n]))
		}
		if len(out)*n == len(digits) {
			return out
		}
	}
	return nil
}

// even tells whether groups are as tokens are printed: all of one length but the
// last, or two that such groups are cut into.  A meter number beside an amount is
// neither, though both together may be as long as a token.
func even(g []group) bool {
	first := len(g[0].digits)
	for _, p := range g[:len(g)-1] {
		if len(p.digits) != first {
			return false
		}
	}
	switch len(g) {
	case 1:
		return true
	case 2:
		return first == len(g[1].digits) || first%3 == 0 || first%4 == 0 || first%5 == 0
	default:
		return first > 1
	}
}

// fits tells whether digits, misread ones among them, are as long as a token.
func (f *finder) fits(digits string) bool {
	return f.e.fits(strings.ReplaceAll(digits, string(misread), "1"))
}

// found is digits from the n-th digit of groups on.
func (f *finder) found(g []group, n int, digits string) Found {
	place := func(n int) (at int) { // the byte of the n-th digit
		for _, p := range g {
			if n < len(p.digits) {
				at = p.from
				for range n {
					_, size := utf8.DecodeRuneInString(f.text[at:])
					at += size
				}
				return at
			}
			n -= len(p.digits)
		}
		return at
	}
	last := place(n + len(digits) - 1)
	_, size := utf8.DecodeRuneInString(f.text[last:])
	out := Found{Digits: digits, From: place(n), To: last + size}
	if strings.ContainsRune(digits, misread) {
		out.Slip = Letter
		b := []byte(digits)
		for i := range b {
			if b[i] != misread {
				continue
			}
			if c := f.text[place(n+i)]; c < utf8.RuneSelf {
				b[i] = c
			}
		}
		out.Digits = string(b)
	}
	return out
}

// meantIn is what was meant for a token among groups: all of them, or where an
// amount stands beside it some.
func (f *finder) meantIn(g []group, alone bool) (Found, bool) {
	if m, ok := f.meant(g, alone); ok {
		return m, true
	}
	// What is much longer than a token holds a part that is told first.
	for n := 1; n < min(len(g), f.longest()+30); n++ {
		for i := 0; i+n <= len(g); i++ {
			if part := g[i : i+n]; even(part) {
				if m, ok := f.meant(part, false); ok {
					return m, true
				}
			}
		}
	}
	return Found{}, false
}

// meant tells whether digits that are no token were meant for one.  alone: they
// are all of their stretch.
func (f *finder) meant(g []group, alone bool) (Found, bool) {
	if len(g) == 2 && !even(g) {
		return Found{}, false // a meter number and an amount
	}
	total, longest := 0, 0
	for _, p := range g {
		if p.noise || !alone && strings.ContainsRune(p.digits, misread) && len(p.digits) < 4 {
			return Found{}, false
		}
		total, longest = total+len(p.digits), max(longest, len(p.digits))
	}
	var digits strings.Builder
	for _, p := range g {
		digits.WriteString(p.digits)
	}
	for _, n := range f.lens {
		off := total - n
		grouped := len(g) > 3 && longest <= 5 // as tokens are printed
		switch {
		case n >= 15 && (off >= -1 && off <= 1 || grouped && off >= -3 && off <= 3):
		case n < 15 && alone && off >= -1 && off <= 1 && f.bare(g):
		default:
			continue
		}
		return f.unlike(f.found(g, 0, digits.String())), true
	}
	if n := f.ordinary(); len(g) > 5 && longest <= 5 && n >= 15 && total > n {
		return f.unlike(f.found(g, 0, digits.String())), true // several, and it is not clear which
	}
	return Found{}, false
}

// bare tells whether a stretch stands on a line of its own.
func (f *finder) bare(g []group) bool {
	before, after := f.text[:g[0].from], f.text[g[len(g)-1].to:]
	if i := strings.LastIndexAny(before, "\n\r,;"); i >= 0 {
		before = before[i+1:]
	}
	if i := strings.IndexAny(after, "\n\r,;"); i >= 0 {
		after = after[:i]
	}
	return !strings.ContainsFunc(before+after, func(r rune) bool { return !between(r) })
}

// unlike says what keeps digits from being a token.
func (f *finder) unlike(d Found) Found {
	digits, letters := 0, 0
	for _, r := range d.Digits {
		if r >= '0' && r <= '9' {
			digits++
		} else {
			letters++
		}
	}
	d.Slip = NoForm
	if digits == 0 || letters > 2 || len(f.lens) == 0 {
		return d
	}
	closest := f.lens[0]
	for _, n := range f.lens {
		if abs(n-digits-letters) < abs(closest-digits-letters) {
			closest = n
		}
	}
	switch off := digits + letters - closest; {
	case letters > 0:
		d.Slip = Letter
	case off < 0:
		d.Slip, d.Off = Short, -off
	case off > 0:
		d.Slip, d.Off = Long, off
	}
	return d
}

func abs(n int) int { return max(n, -n) }
