// Package read takes numbers out of the JSON messages of devices: strictly, for a
// device that says "12 W" has not been understood, and with null and a missing
// key told apart from zero.
package read

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
)

// Object is a decoded JSON object; its numbers are json.Number.
type Object map[string]any

// Parse reads one JSON object and nothing after it.  Its error is a
// *device.Unread.
func Parse(payload []byte) (Object, error) {
	o, err := parse(payload)
	if err != nil {
		return nil, &device.Unread{Err: err, Remedy: "check the topic and the kind of the device in the configuration"}
	}
	return o, nil
}

func parse(payload []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var o Object
	if err := dec.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("null is no message")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return o, nil
}

// Child is the object under name.
func (o Object) Child(name string) (Object, bool) {
	switch c := o[name].(type) {
	case map[string]any:
		return c, true
	case Object:
		return c, true
	}
	return nil, false
}

// Text is the text under name, empty where there is none.
func (o Object) Text(name string) string {
	s, _ := o[name].(string)
	return s
}

// Number is the number under name.  null and a missing key are no number;
// anything else is an error, because a meter that says "12 W" has not been
// understood.
func (o Object) Number(name string) (n json.Number, ok bool, err error) {
	return AsNumber(name, o[name])
}

// AsNumber is v as a number; see Object.Number.
func AsNumber(name string, v any) (n json.Number, ok bool, err error) {
	switch v := v.(type) {
	case nil:
		return "", false, nil
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return "", false, fmt.Errorf("%s is %s, beyond any meter", name, Clip(string(v)))
		}
		return v, true, nil
	}
	return "", false, fmt.Errorf("%s is not a number", name)
}

// Clip shortens a text of the device that is kept or shown.
func Clip(s string) string {
	if len(s) > 24 {
		return s[:24] + "..."
	}
	return s
}

// Thousandths is n in thousandths, rounded half to even.
func Thousandths(n json.Number) int64 {
	f, _ := n.Float64() // AsNumber has tried it
	return int64(units.FromW(f))
}

// Energy is n in microjoules, where one of n is per microjoules: exact for up
// to nine decimals.
func Energy(n json.Number, per units.Energy) units.Energy {
	if v, err := units.ParseDecimal(string(n), 9); err == nil {
		return units.Energy(units.MulDiv(v, int64(per), 1_000_000_000))
	}
	f, _ := n.Float64()
	return units.FromKWh(f * float64(per) / float64(units.KilowattHour))
}

// Index reads the number of a relay or meter in a name.
func Index(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n < 100 && strconv.Itoa(n) == s
}
