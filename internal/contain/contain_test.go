package contain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/contain"
)

var errTest = errors.New("a fault of the test")

func outOfRange(at int) { _ = make([]int, 2)[at] }

func TestAPanicBecomesAnErrorThatNamesThePlace(t *testing.T) {
	for name, c := range map[string]struct {
		f     func() error
		says  []string
		panic bool
	}{
		"nothing happens":  {func() error { return nil }, nil, false},
		"an error is kept": {func() error { return errTest }, []string{"a fault of the test"}, false},
		"an index":         {func() error { outOfRange(3); return nil }, []string{"outOfRange (contain_test.go:", "index out of range"}, true},
		"a nil pointer":    {func() error { var p *struct{ n int }; p.n++; return nil }, []string{"contain_test.go:", "nil pointer"}, true},
		"an error thrown":  {func() error { panic(errTest) }, []string{"a fault of the test"}, true},
		"a long value":     {func() error { panic(strings.Repeat("x", 5000)) }, []string{"xxx"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := contain.Run(c.f)
			if len(c.says) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, s := range c.says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("%v does not say %q", err, s)
				}
			}
			if p := (*contain.Panic)(nil); errors.As(err, &p) != c.panic {
				t.Errorf("a panic: %v", !c.panic)
			} else if c.panic && (p.Stack == "" || len(err.Error()) > 400) {
				t.Errorf("stack %q, %d bytes of error", p.Stack, len(err.Error()))
			}
		})
	}
	if err := contain.Do(func() { panic(errTest) }); !errors.Is(err, errTest) {
		t.Errorf("what was thrown is lost: %v", err)
	}
}
