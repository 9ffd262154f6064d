package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Question is what is asked at once.
type Question struct {
	Text, Usual string // Usual is the answer of an empty line
	Hint        string // what may be answered, for who does not see the offers
	Offers      []Offer
	Only        bool // nothing but an offer can be taken
	Hidden      bool // what is answered is not to be seen
}

// Offer is an answer that may be given, and what stands beside it; "" where it says enough.
type Offer struct{ Answer, Shows string }

// Person answers questions.
type Person interface {
	// Answer is what is answered to a question; ErrNoAnswer: nothing more is.
	Answer(ctx context.Context, q Question) (string, error)
	// Refused tells what is wrong with the answer before; the question is asked again.
	Refused(why error)
	// Told tells a line.
	Told(line string)
}

// Dialogue asks a person one question after another.
type Dialogue struct {
	ctx context.Context // of one dialogue, which ends with it
	who Person
}

// NewDialogue asks on out and reads from in, a terminal or a file of answers, until ctx is done.
func NewDialogue(ctx context.Context, in io.Reader, out io.Writer) *Dialogue {
	return DialogueWith(ctx, newTerminal(in, out))
}

// DialogueWith asks a person until ctx is done.
func DialogueWith(ctx context.Context, who Person) *Dialogue { return &Dialogue{ctx, who} }

// ErrNoAnswer says that the answers have ended before the questions.
var ErrNoAnswer = errors.New("the answers end here")

// Ask asks until the answer can be taken.  usual is that of an empty line; take says what is wrong
// with an answer.
func (d *Dialogue) Ask(question, usual string, take func(answer string) error) error {
	return d.Put(&Question{Text: question, Usual: usual}, take)
}

// AskHidden is Ask of what is not to be seen: a terminal does not show it.
func (d *Dialogue) AskHidden(question, usual string, take func(answer string) error) error {
	return d.Put(&Question{Text: question, Usual: usual, Hidden: true}, take)
}

// Put is Ask of a question that has more to it; take may change what it offers.
func (d *Dialogue) Put(q *Question, take func(answer string) error) error {
	for {
		answer, err := d.who.Answer(d.ctx, *q)
		if err != nil {
			return err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = q.Usual
		}
		err = take(answer)
		if errors.Is(err, ErrNoAnswer) || d.ctx.Err() != nil { // of a question within this one
			return err
		}
		if err != nil {
			d.who.Refused(err)
			continue
		}
		return nil
	}
}

// Say tells a line.
func (d *Dialogue) Say(format string, args ...any) { d.who.Told(fmt.Sprintf(format, args...)) }

// Hidden reads a line that a terminal does not show.
func (d *Dialogue) Hidden() (string, error) {
	return d.who.Answer(d.ctx, Question{Hidden: true})
}

// longestAnswer is more than anybody types.
const longestAnswer = 4096

func errTooLong(n int) error { return fmt.Errorf("an answer of %d bytes is none", n) }
