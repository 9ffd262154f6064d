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

// terminal is a person at a terminal, or a file of answers.
type terminal struct {
	in   *bufio.Reader
	out  io.Writer
	file *os.File // the terminal; nil where there is none
}

func newTerminal(in io.Reader, out io.Writer) *terminal {
	t := &terminal{in: bufio.NewReader(in), out: out}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.file = f
	}
	return t
}

// Told prints a line.
func (t *terminal) Told(line string) { fmt.Fprintln(t.out, line) }

// Refused prints why.
func (t *terminal) Refused(why error) { fmt.Fprintf(t.out, "  %v\n", why) }

// Answer asks on a line and reads one.
func (t *terminal) Answer(ctx context.Context, q Question) (string, error) {
	if q.Text != "" {
		fmt.Fprint(t.out, asLine(q))
	}
	answer, err := t.line(ctx, q.Hidden)
	if err != nil && q.Text != "" {
		fmt.Fprintln(t.out)
	}
	return answer, err
}

// asLine is a question with what it offers, and with the usual answer in brackets.
func asLine(q Question) string {
	text := q.Text
	if q.Hint != "" {
		text += " (" + q.Hint + ")"
	}
	if q.Only {
		words := make([]string, len(q.Offers))
		for i, o := range q.Offers {
			words[i] = o.Answer
		}
		text += " (" + strings.Join(words, ", ") + ")"
	}
	if q.Usual != "" {
		text += " [" + q.Usual + "]"
	}
	return text + ": "
}

// line reads one line.
func (t *terminal) line(ctx context.Context, hidden bool) (string, error) {
	read := func() (string, error) {
		text, err := t.in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if err = nil; text == "" {
				err = ErrNoAnswer
			}
		}
		if len(text) > longestAnswer {
			return "", errTooLong(len(text))
		}
		return text, err
	}
	if t.file == nil {
		return read()
	}
	fd := int(t.file.Fd())
	if hidden {
		read = func() (string, error) {
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(t.out)
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
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(fd, before)
		}
		return "", ctx.Err()
	}
}
