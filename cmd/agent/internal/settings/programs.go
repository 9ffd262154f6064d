package settings

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Scope is what a program may do.
type Scope string

// The scopes.
const (
	Read    Scope = "read"     // see what the page shows
	Control Scope = "control"  // what a person asks of loads and of the plan
	TopUp   Scope = "top-up"   // enter tokens, take emergency credit
	Change  Scope = "settings" // what the page of settings sets, but the PIN and programs
)

// Scopes are all of them.
func Scopes() []Scope { return []Scope{Read, Control, TopUp, Change} }

// Program is one that may use the API by a token of its own.  The token is nowhere: only its
// sum is kept, which is enough for what nobody can guess.
type Program struct {
	Name   string    `json:"name"`
	Sum    string    `json:"sum"` // SHA-256 of the token, hexadecimal
	Scopes []Scope   `json:"scopes"`
	Made   time.Time `json:"made"`
	Used   time.Time `json:"used"` // last, within an hour; zero: never
}

// May tells whether the program may do what a scope is about.
func (p Program) May(s Scope) bool { return slices.Contains(p.Scopes, s) }

// The bounds of programs.
const (
	MostPrograms = 32
	LongestName  = 40 // characters
)

// usedEvery is how fresh the last use is on the disk: a card wears out.
const usedEvery = time.Hour

// tokenMark begins each token, by which it is told from a PIN, and found where it should not be.
const tokenMark = "keeplit_"

// IsToken tells whether a text is a program's token by its form.
func IsToken(text string) bool { return strings.HasPrefix(text, tokenMark) }

// What is wrong with a program that is to be let in.
var (
	ErrName    = fmt.Errorf("a program's name has 1 to %d characters, and is not that of another", LongestName)
	ErrScope   = errors.New("a program may do one or more of read, control, top-up, settings")
	ErrMany    = fmt.Errorf("there are %d programs already", MostPrograms)
	ErrUnknown = errors.New("no program has that name")
)

// Programs are those that are let in, in the order in which they were.
func (b *Book) Programs() []Program {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.doc.Programs)
}

// LetIn makes a token for a program of a new name.  It is told this once.
func (b *Book) LetIn(name string, scopes []Scope, now time.Time) (token string, err error) {
	name = strings.TrimSpace(name)
	if n := len([]rune(name)); n == 0 || n > LongestName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", ErrName
	}
	if name == "." || name == ".." { // which no path of the API can name, to withdraw it
		return "", ErrName
	}
	var may []Scope
	for _, s := range Scopes() {
		if slices.Contains(scopes, s) {
			may = append(may, s)
		}
	}
	if len(may) == 0 || slices.ContainsFunc(scopes, func(s Scope) bool { return !slices.Contains(may, s) }) {
		return "", ErrScope
	}
	token = tokenMark + rand.Text()
	return token, b.change(func(d *document) error {
		switch {
		case slices.ContainsFunc(d.Programs, func(p Program) bool { return strings.EqualFold(p.Name, name) }):
			return ErrName
		case len(d.Programs) >= MostPrograms:
			return ErrMany
		}
		d.Programs = append(d.Programs, Program{Name: name, Sum: sum(token), Scopes: may, Made: now.UTC().Truncate(time.Second)})
		return nil
	})
}

// Withdraw takes a program's token back; its next request is refused.
func (b *Book) Withdraw(name string) error {
	return b.change(func(d *document) error {
		n := len(d.Programs)
		d.Programs = slices.DeleteFunc(d.Programs, func(p Program) bool { return p.Name == strings.TrimSpace(name) })
		if len(d.Programs) == n {
			return ErrUnknown
		}
		return nil
	})
}

// Known is the program of a token, which has used it now.
func (b *Book) Known(token string, now time.Time) (Program, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := []byte(sum(token))
	for i, p := range b.doc.Programs {
		if subtle.ConstantTimeCompare(of, []byte(p.Sum)) != 1 {
			continue
		}
		if old := now.Sub(p.Used); old >= usedEvery || old < 0 {
			// That it was used is worth no refusal where it cannot be kept.
			_ = b.changeLocked(func(d *document) error {
				d.Programs[i].Used = now.UTC().Truncate(time.Second)
				return nil
			})
		}
		return b.doc.Programs[i], true
	}
	return Program{}, false
}
