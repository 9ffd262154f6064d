package series

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
)

// lookAhead is how much of a file is looked at before it is read.
const lookAhead = 1 << 16

// form finds out what a file is before a line of it is read, takes its byte order mark off
// and refuses what is not lines of text.
func (x *reader) form(buf *bufio.Reader) error {
	head, err := buf.Peek(lookAhead)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case len(bytes.TrimLeft(head, "\ufeff \t\r\n")) == 0 && err != nil:
		return fail(1, "export it again; a file without values has at least the line time,kwh", "the file is empty")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return fail(1, "unpack it, or save a spreadsheet as CSV", "the file is compressed, or a spreadsheet")
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}), wide(head):
		return fail(1, "save it as UTF-8", "the file is in UTF-16")
	case bytes.IndexByte(head, 0) >= 0:
		return fail(1, "name a CSV file", "the file is not text")
	}
	if mark := []byte("\ufeff"); bytes.HasPrefix(head, mark) {
		head = head[len(mark):]
		_, _ = buf.Discard(len(mark)) // it was there
	}
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(bytes.TrimRight(head, "\r"), '\r') >= 0 {
		return fail(1, "save it with the line ends of Unix or Windows", "the lines of the file end as on an old Macintosh, by CR alone")
	}
	x.slashes = slashesOf(head)
	return nil
}

// wide tells whether text has a zero byte at each second place, as that of UTF-16 without its mark.
func wide(head []byte) bool {
	n := min(len(head), 64) &^ 1
	if n < 8 {
		return false
	}
	var zeros [2]int
	for i, b := range head[:n] {
		if b == 0 {
			zeros[i%2]++
		}
	}
	return max(zeros[0], zeros[1]) > n/3 && min(zeros[0], zeros[1]) == 0
}

// slashes is the order of day and month in dates such as 03/04/2025.
type slashes uint8

const (
	notSeen slashes = iota
	dayFirst
	monthFirst
	either // days after the twelfth stand first and second, or there are none
)

var slashed = regexp.MustCompile(`\b(\d{1,2})/(\d{1,2})/\d{4}\b`)

// slashesOf finds the order by the days after the twelfth in a file's begin.
func slashesOf(head []byte) slashes {
	var seen, day, month bool
	for _, m := range slashed.FindAllSubmatch(head, -1) {
		a, _ := strconv.Atoi(string(m[1])) // they are digits
		b, _ := strconv.Atoi(string(m[2]))
		seen, day, month = true, day || a > 12, month || b > 12
	}
	switch {
	case !seen:
		return notSeen
	case day == month:
		return either
	case day:
		return dayFirst
	}
	return monthFirst
}
