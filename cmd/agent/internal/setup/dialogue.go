package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Dialogue asks a person one question after another, at a terminal or from a file of answers.
type Dialogue struct {
	ctx  context.Context // of one dialogue, which ends with it
	in   *bufio.Reader
	out  io.Writer
	file *os.File // the terminal; nil where there is none
}

// NewDialogue asks on out and reads from in until ctx is done.
func NewDialogue(ctx context.Context, in io.Reader, out io.Writer) *Dialogue {
	d := &Dialogue{ctx: ctx, in: bufio.NewReader(in), out: out}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.file = f
	}
	return d
}

// ErrNoAnswer says that the answers have ended before the questions.
var ErrNoAnswer = errors.New("the answers end here")

// Ask asks until the answer can be taken.  usual is that of an empty line; take says what is wrong
// with an answer.
func (d *Dialogue) Ask(question, usual string, take func(answer string) error) error {
	return d.ask(question, usual, false, take)
}

// AskHidden is Ask of what is not to be seen: a terminal does not show it.
func (d *Dialogue) AskHidden(question, usual string, take func(answer string) error) error {
	return d.ask(question, usual, true, take)
}

func (d *Dialogue) ask(question, usual string, hidden bool, take func(string) error) error {
	for {
		shown := ""
		if usual != "" {
			shown = " [" + usual + "]"
		}
		fmt.Fprintf(d.out, "%s%s: ", question, shown)
		answer, err := d.line(hidden)
		if err != nil {
			fmt.Fprintln(d.out)
			return err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = usual
		}
		err = take(answer)
		if errors.Is(err, ErrNoAnswer) || d.ctx.Err() != nil { // of a question within this one
			return err
		}
		if err != nil {
			fmt.Fprintf(d.out, "  %v\n", err)
			continue
		}
		return nil
	}
}

// Say prints a line.
func (d *Dialogue) Say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// Hidden reads a line that a terminal does not show.
func (d *Dialogue) Hidden() (string, error) { return d.line(true) }

// longestAnswer is more than anybody types.
const longestAnswer = 4096

// line reads one line.
func (d *Dialogue) line(hidden bool) (string, error) {
	read := func() (string, error) {
		text, err := d.in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if err = nil; text == "" {
				err = ErrNoAnswer
			}
		}
		if len(text) > longestAnswer {
			return "", fmt.Errorf("an answer of %d bytes is none", len(text))
		}
		return text, err
	}
	if d.file == nil {
		return read()
	}
	fd := int(d.file.Fd())
	if hidden {
		read = func() (string, error) {
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(d.out)
			if errors.Is(err, io.EOF) {
				err = ErrNoAnswer
			}
			return string(b), err
		}
	}
	type answer struct {
		text string
		err  error
	}
	before, _ := term.GetState(fd)
	got := make(chan answer, 1)
	// A read of a terminal cannot be called back; where ctx ends first the process ends next.
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-d.ctx.Done():
		if before != nil {
			_ = term.Restore(fd, before)
		}
		return "", d.ctx.Err()
	}
}
