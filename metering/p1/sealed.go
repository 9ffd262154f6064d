package p1

import (
	"bytes"
	"errors"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/obis"
)

// reader is what is known of a port: how its meter tells its values, and the keys that
// open what it encrypts.  With a key nothing is taken that came in clear.
type reader struct {
	table    *crcTable
	dialect  obis.Dialect
	keys     glo.Keys
	counters *glo.Counters // nil: telegrams are read in any order, as of a recording
	now      func() time.Time
}

// take reads all telegrams that are whole in data, and tells how much of it is done with.
func (r *reader) take(data []byte, atEnd bool, emit func(metering.Telegram, error)) (total int) {
	for {
		var more bool
		var used int
		if r.keys.Some() {
			used, more = r.sealed(data[total:], atEnd, emit)
		} else {
			used, more = r.clear(data[total:], atEnd, emit)
		}
		total += used
		if !more {
			return total
		}
	}
}

// clear reads the next telegram in clear.
func (r *reader) clear(data []byte, atEnd bool, emit func(metering.Telegram, error)) (used int, more bool) {
	frame, used, err := split(data, atEnd)
	if err != nil {
		emit(metering.Telegram{}, err)
	}
	if frame != nil {
		emit(r.table.decode(frame, r.dialect))
	}
	return used, (frame != nil || err != nil) && used > 0
}

// sealed reads the next encrypted telegram.  The words of one may hold what looks like the
// beginning of another, so one that lacks its end is given up for a good one after it.
func (r *reader) sealed(data []byte, atEnd bool, emit func(metering.Telegram, error)) (used int, more bool) {
	switch at, e, n, err := within(data); {
	case err == nil:
		return r.inside(data, at, e, n, emit)
	case errors.Is(err, glo.ErrShort) && !atEnd && len(data)-at < maxTelegram/2:
		return at, false // what has come of its words may look like anything
	}
	head := []byte{glo.Tag, 8}
	waiting := -1
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], head)
		if i < 0 {
			break
		}
		at += i
		e, n, err := glo.Parse(data[at:])
		switch {
		case errors.Is(err, glo.ErrShort) && waiting < 0:
			waiting = at
			continue
		case err != nil:
			continue
		}
		t, err := r.open(e)
		switch {
		case err != nil && waiting >= 0:
			continue
		case err != nil:
			if begins(data[at+len(head) : at+n]) {
				err = cutBy(len(head))
			}
			emit(metering.Telegram{}, err)
			return at + len(head), true
		case waiting >= 0:
			emit(metering.Telegram{}, cutBy(at-waiting))
			return at, true
		}
		r.counters.Give(op, e, t, r.now, emit)
		return at + n, true
	}
	if frame, n, _ := split(data, false); frame != nil && (waiting < 0 || n <= waiting) {
		emit(metering.Telegram{}, glo.Clear(op))
		return n, true
	}
	switch {
	case waiting >= 0 && !atEnd:
		return waiting, false
	case waiting >= 0:
		emit(metering.Telegram{}, glo.Fail(op, glo.ErrShort))
		return len(data), false
	case atEnd:
		return len(data), false
	}
	// The beginning of a ciphertext, or of a telegram in clear, may be there.
	if start := findStart(data); start >= 0 && len(data)-start <= maxTelegram {
		return start, false
	}
	return max(0, len(data)-4), false
}

// within finds a telegram whose lines are encrypted between its identification and its
// end, as Stoen's meters in Poland have it: at is where it begins, and n where its words
// end.  A ciphertext of the other form before it goes first.  The error is glo.ErrShort where
// the beginning of one is there.
func within(data []byte) (at int, e glo.Ciphertext, n int, err error) {
	before := len(data)
	if i := bytes.Index(data, []byte{glo.Tag, 8}); i >= 0 {
		before = i
	}
	waiting := -1
	for {
		start := findStart(data[at:])
		if start < 0 || at+start >= before {
			if waiting >= 0 {
				return waiting, e, 0, glo.ErrShort
			}
			return 0, e, 0, errNone
		}
		at += start
		words := bytes.IndexByte(data[at:min(len(data), at+longestIdent)], 0)
		if words > 0 && data[at+words-1] == '\n' && !bytes.ContainsAny(bytes.TrimRight(data[at:at+words], "\r\n"), "\r\n") {
			switch e, n, err := glo.ParseBare(data[at+words:]); {
			case err == nil:
				return at, e, at + words + n, nil
			case errors.Is(err, glo.ErrShort) && waiting < 0:
				waiting = at
			}
		}
		at++
	}
}

var errNone = errors.New("no telegram that is encrypted inside")

// longestIdent is longer than any identification and the empty line after it.
const longestIdent = 100

// inside reads a telegram as within found it.  It has no counter that counts, and its check
// sum is of what nobody has described: it is taken only where its tag proves it.
func (r *reader) inside(data []byte, at int, e glo.Ciphertext, n int, emit func(metering.Telegram, error)) (used int, more bool) {
	if !r.keys.Prove() {
		emit(metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "write authentication_key too; both come from the grid operator", "without it nothing proves a telegram that is encrypted inside"))
		return n, true
	}
	plain, err := r.keys.Open(e)
	if err != nil {
		emit(metering.Telegram{}, glo.Fail(op, err))
		return at + 1, true
	}
	if frame, _, err := split(plain, true); frame != nil && err == nil { // the whole telegram is inside
		emit(r.table.decodeProven(frame, r.dialect, true))
		return n, true
	}
	ident, _, _ := bytes.Cut(data[at:], []byte{'\n'})
	whole := append(append(bytes.Clone(ident), '\n'), plain...)
	if bytes.LastIndexByte(whole, '!') < 0 {
		whole = append(whole, '!')
	}
	emit(r.table.decodeProven(whole, r.dialect, true))
	return n, true
}

// begins tells whether what looks like a ciphertext begins within b.
func begins(b []byte) bool {
	for {
		at := bytes.Index(b, []byte{glo.Tag, 8})
		if at < 0 {
			return false
		}
		if _, _, err := glo.Parse(b[at:]); (err == nil || errors.Is(err, glo.ErrShort)) && len(b)-at > 16 {
			return true
		}
		b = b[at+1:]
	}
}

func cutBy(n int) error {
	return metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "a new encrypted telegram began %d bytes or more into one", n)
}

// open reads the telegram in a ciphertext.
func (r *reader) open(e glo.Ciphertext) (metering.Telegram, error) {
	plain, err := r.keys.Open(e)
	if err != nil {
		return metering.Telegram{}, glo.Fail(op, err)
	}
	frame, _, err := split(plain, true)
	if frame == nil || !isStart(plain) {
		if err == nil {
			err = errors.New("what comes out is no P1 telegram")
		}
		return metering.Telegram{}, glo.Nonsense(op, err)
	}
	return r.table.decode(frame, r.dialect)
}
