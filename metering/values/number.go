package values

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"unicode/utf8"

	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Decode reads one JSON document and nothing after it.  op is what is tried.
func Decode(op string, body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer any
	err := dec.Decode(&answer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, metering.Fail(metering.Short, op, "look whether the meter restarts; a few cut answers are harmless", "the JSON ends after %d bytes", len(body))
	}
	if err == nil {
		if _, after := dec.Token(); !errors.Is(after, io.EOF) {
			err = errors.New("something follows the JSON")
		}
	}
	if err != nil {
		return nil, &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "check that what is named answers with JSON"}
	}
	return answer, nil
}

// errAbsent is a number that is not told: its key is missing, or null stands there.
var errAbsent = errors.New("absent")

// errMissing is an errAbsent of which the message says nothing at all.
var errMissing = errors.New("missing")

// absent is the error that says so in words.
type absent struct {
	error
	missing bool
}

func (a absent) Is(target error) bool {
	return target == errAbsent || a.missing && target == errMissing
}

// in is what a path leads to; without a step it is all of it.
func in(v any, path jsonpath.Path) (any, error) {
	v, err := path.In(v)
	if err != nil {
		return nil, absent{err, true}
	}
	return v, nil
}

// name is a path for people.
func name(path jsonpath.Path) string {
	if len(path) == 0 {
		return "the message"
	}
	return path.String()
}

// number is the number that a path leads to.  Many answer with "12.50": a plain
// decimal in quotes is the number it says, and no other text is.
func number(v any, path jsonpath.Path) (json.Number, error) {
	v, err := in(v, path)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case json.Number:
		return v, nil
	case string:
		if decimal.MatchString(v) {
			return json.Number(v), nil
		}
		if len(v) > 24 { // a part of it is not shown: it could be that of a secret
			return "", fmt.Errorf("%s is a long text and not a number", name(path))
		}
		return "", fmt.Errorf("%s is %q, which is not a number", name(path), v)
	case nil:
		return "", absent{fmt.Errorf("%s is null", name(path)), false}
	}
	return "", fmt.Errorf("%s is not a number", name(path))
}

// decimal is a number as JSON writes it, but for its exponent.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`) //nolint:gochecknoglobals // compiled once, never changed

// text is the text or number that a path leads to.
func text(v any, path jsonpath.Path) (string, error) {
	v, err := in(v, path)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is neither a text nor a number", name(path))
}

// convert is a number in the stored unit: exact for up to nine decimals.
func (p part) convert(n json.Number) (int64, error) {
	beyond := fmt.Errorf("%s is %s, beyond any meter", name(p.path), clip(n.String()))
	billionths, err := units.ParseDecimal(n.String(), 9)
	if err != nil {
		f, err := n.Float64()
		if err != nil || f > 9e9 || f < -9e9 {
			return 0, beyond
		}
		billionths = int64(f * one)
	}
	scaled := units.MulDiv(billionths, p.scale, one)
	const most = 9_000_000_000 * one // what would not fit is held at the edge by MulDiv
	if scaled > most || scaled < -most {
		return 0, beyond
	}
	out := units.MulDiv(scaled, p.per, one)
	if out > most62 || out < -most62 {
		return 0, beyond
	}
	return out, nil
}

// most62 bounds an amount, so that two can be added up.
const most62 = 1 << 62

func clip(s string) string {
	if len(s) > 24 {
		n := 24
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		return s[:n] + "..."
	}
	return s
}
