package credit

import (
	"strings"
	"testing"
	"time"
)

// counting is a scheme that counts how often it is asked what a token may look like.
type counting struct {
	Scheme
	asked int
}

func (c *counting) Name() string  { return "counting" }
func (c *counting) Odds() float64 { return 1e-6 }
func (c *counting) Fits(digits string) bool {
	c.asked++
	return len(digits) == 20
}

// A text that is made to take long is read in work that grows with its length, not with
// a power of it: it is read where the meter and the contactor are waited for.
func TestNoTextTakesLongToRead(t *testing.T) {
	for _, text := range []string{"1 ", "12 ", "1a", "1234-", "600727000000000009 25 ", "+1 "} {
		c := &counting{}
		e, err := New(Defaults(), time.UTC, c)
		if err != nil {
			t.Fatal(err)
		}
		e.Find(strings.Repeat(text, LongestText/len(text)))
		if most := 100 * LongestText; c.asked > most {
			t.Errorf("%q again and again: the scheme is asked %d times, at the most %d are right", text, c.asked, most)
		}
	}
}
