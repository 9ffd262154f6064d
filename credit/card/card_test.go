package card

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/devices/v3/mfrc522"
	"pgregory.net/rapid"
)

// fake is a reader with a card of 16 sectors, or none.
type fake struct {
	mu     sync.Mutex
	absent bool
	cells  map[[2]int][16]byte
	writes int
	breaks int // writes until the card is taken away; 0 is never
	tail   int // bytes of radio checksum after a block
	t      testing.TB
}

var errNoCard = errors.New("no card")

func newFake(t testing.TB) *fake { return &fake{cells: map[[2]int][16]byte{}, t: t} }

func (f *fake) at(sector, block int) [2]int {
	if sector < 1 || sector > 15 || block < 0 || block > 2 {
		f.t.Fatalf("sector %d block %d is not for data", sector, block)
	}
	return [2]int{sector, block}
}

func (f *fake) ReadCard(_ time.Duration, _ byte, sector, block int, key mfrc522.Key) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent || key != mfrc522.DefaultKey {
		return nil, errNoCard
	}
	b := f.cells[f.at(sector, block)]
	return append(b[:], make([]byte, f.tail)...), nil
}

func (f *fake) WriteCard(_ time.Duration, _ byte, sector, block int, data [16]byte, _ mfrc522.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes++; f.absent || f.breaks > 0 && f.writes >= f.breaks {
		return errNoCard
	}
	f.cells[f.at(sector, block)] = data
	return nil
}

// set changes the fake while a Run uses it.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func slots(f *fake, meter string) *Slots { return New(f, meter, mfrc522.DefaultKey, time.Second) }

func TestTokensComeBackAsWritten(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := newFake(t)
		f.tail = rapid.SampledFrom([]int{0, 2}).Draw(r, "tail")
		s := slots(f, "07123456789")
		tokens := rapid.SliceOfN(rapid.StringMatching(`[0-9]{1,20}`), 0, Most).Draw(r, "tokens")
		if err := s.Write(tokens); err != nil {
			r.Fatal(err)
		}
		held, err := s.Read()
		if err != nil || held.Bad+held.Spent > 0 || len(held.Tokens) != len(tokens) {
			r.Fatalf("%+v, %v", held, err)
		}
		for i, token := range held.Tokens {
			if token.Digits != tokens[i] {
				r.Fatalf("slot %d holds %s, want %s", token.Slot, token.Digits, tokens[i])
			}
			if err := s.Spend(token); err != nil {
				r.Fatal(err)
			}
		}
		if held, err = s.Read(); err != nil || held.Spent != len(tokens) || len(held.Tokens) > 0 {
			r.Fatalf("after spending: %+v, %v", held, err)
		}
	})
}

func TestCardsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*fake)
		want error
	}{
		{"empty", func(f *fake) { clear(f.cells) }, ErrNotOurs},
		{"of another meter", func(f *fake) { _ = slots(f, "another").Write([]string{"1"}) }, ErrOtherMeter},
		{"taken away", func(f *fake) { f.absent = true }, errNoCard},
		{"one bit of the header", func(f *fake) { b := f.cells[[2]int{1, 0}]; b[12] ^= 1; f.cells[[2]int{1, 0}] = b }, ErrDamaged},
		{"half written", func(f *fake) {
			f.breaks = f.writes + 3
			_ = slots(f, "meter").Write([]string{"1", "2", "3"})
		}, ErrNotOurs},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			s := slots(f, "meter")
			if err := s.Write([]string{"59386323472137426967"}); err != nil {
				t.Fatal(err)
			}
			c.do(f)
			if _, err := s.Read(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	s := slots(newFake(t), "meter")
	if err := s.Write(make([]string, Most+1)); err == nil {
		t.Error("more tokens than fit were written")
	}
	for _, bad := range []string{"", strings.Repeat("1", 21), "12x4"} {
		if err := s.Write([]string{bad}); err == nil {
			t.Errorf("token %q was written", bad)
		}
	}
	if err := s.Spend(Token{Slot: 0}); err == nil {
		t.Error("the header was spent")
	}
}

// Any bit of a slot flipped: the token is not read wrong.
func TestADamagedSlotIsNeverAnotherToken(t *testing.T) {
	b, err := encode("59386323472137426967")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 128 {
		bad := b
		bad[i/8] ^= 1 << (i % 8)
		if digits, err := decode(bad); err == nil {
			t.Errorf("bit %d flipped reads as %q", i, digits)
		}
	}
}

func TestACardAtTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		s := slots(f, "meter")
		if err := s.Write([]string{"111", "222", "333"}); err != nil {
			t.Fatal(err)
		}
		f.absent = true
		var entered []string
		var said []Say
		var refuse atomic.Value
		refuse.Store("222")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- s.Run(ctx, func(digits []string) []bool {
				entered = append(entered, digits...)
				stored := make([]bool, len(digits))
				for i, d := range digits {
					stored[i] = d != refuse.Load()
				}
				return stored
			}, func(w Say) { said = append(said, w) })
		}()
		hold := func(d time.Duration) {
			time.Sleep(time.Second)
			synctest.Wait()
			f.set(func() { f.absent = false })
			time.Sleep(d)
			synctest.Wait()
			f.set(func() { f.absent = true })
			time.Sleep(time.Second)
			synctest.Wait()
		}
		hold(5 * time.Second) // all handed over once, however long it stays
		refuse.Store("")
		hold(time.Second) // only the one that could not be stored
		hold(time.Second) // nothing left
		if err := slots(f, "another").Write([]string{"444"}); err == nil {
			t.Error("wrote to no card")
		}
		f.set(func() { f.absent = false })
		if err := slots(f, "another").Write([]string{"444"}); err != nil {
			t.Fatal(err)
		}
		hold(time.Second)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := []string{"111", "222", "333", "222"}; !slices.Equal(entered, want) {
			t.Errorf("entered %v, want %v", entered, want)
		}
		if len(said) < 4 || said[0].Tokens != 2 || said[1].Tokens != 1 || said[2].Tokens != 0 || !errors.Is(said[len(said)-1].Err, ErrOtherMeter) {
			t.Errorf("said %+v", said)
		}
	})
}

// The card is taken away between the credit and the wiping: the token is
// entered again, which the meter knows as used, and nothing is lost.
func TestACardTakenAwayTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		s := slots(f, "meter")
		if err := s.Write([]string{"111"}); err != nil {
			t.Fatal(err)
		}
		f.breaks = f.writes + 1
		var entered atomic.Int32
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- s.Run(ctx, func([]string) []bool { entered.Add(1); return []bool{true} }, func(Say) {})
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		f.set(func() { f.breaks = 0 })
		time.Sleep(time.Second)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if held, err := s.Read(); err != nil || held.Spent != 1 || entered.Load() < 2 {
			t.Errorf("%+v, %v, entered %d times", held, err, entered.Load())
		}
	})
}
