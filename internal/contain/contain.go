// Package contain keeps a panic within the part of the agent that it befell:
// it becomes an error that names the place.  What recover cannot contain (a
// loop without end, too much memory, a fatal error of the runtime) needs a
// process of its own.
package contain

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Panic is a panic that was turned into an error.
type Panic struct {
	Value any
	Place string // function, file and line in which it began
	Stack string // the calls that led there, the innermost first
}

func (p *Panic) Error() string { return fmt.Sprintf("panic in %s: %.200v", p.Place, p.Value) }

// Unwrap is the value that was panicked with, where that is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Run runs f.  A panic in f is its error, a *Panic.  One in a goroutine that f
// starts is not: that goroutine must contain itself.
func Run(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(v)
		}
	}()
	return f()
}

// Do is Run for what answers nothing.
func Do(f func()) error { return Run(func() error { f(); return nil }) }

// deepest is how many calls of a stack are kept.
const deepest = 24

func caught(v any) *Panic {
	p := &Panic{Value: v, Place: "an unknown place"}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var stack strings.Builder
	named, kept := false, 0
	for {
		f, more := frames.Next()
		// What lies above is recover's own: the runtime raising the panic.
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") && !strings.Contains(f.Function, "/internal/contain.") {
			where := fmt.Sprintf("%s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line)
			if !named {
				p.Place, named = where, true
			}
			if kept++; kept <= deepest {
				stack.WriteString(where + "\n")
			}
		}
		if !more {
			break
		}
	}
	p.Stack = stack.String()
	return p
}
