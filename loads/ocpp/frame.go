package ocpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The kinds of an OCPP-J message.
const (
	kindCall   = 2
	kindResult = 3
	kindError  = 4
)

// frame is one message of OCPP-J: a call with an action and a payload, its result, or its
// error with a code and a text.
type frame struct {
	kind    int
	id      string
	action  string
	payload json.RawMessage
	code    string
	text    string
}

// parseFrame reads a message.  What stands behind its last part is passed over.
func parseFrame(data []byte) (f frame, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return f, fmt.Errorf("it is no list in JSON: %w", err)
	}
	if len(parts) < 3 {
		return f, fmt.Errorf("%d parts are too few", len(parts))
	}
	var kind, id word
	if err := errors.Join(json.Unmarshal(parts[0], &kind), json.Unmarshal(parts[1], &id)); err != nil {
		return f, err
	}
	f.id = string(id)
	var action, code, text word
	switch {
	case kind == "2" && len(parts) >= 4:
		f.kind, f.payload = kindCall, parts[3]
		err = json.Unmarshal(parts[2], &action)
		f.action = string(action)
	case kind == "3":
		f.kind, f.payload = kindResult, parts[2]
	case kind == "4":
		f.kind = kindError
		err = json.Unmarshal(parts[2], &code)
		if len(parts) > 3 {
			err = errors.Join(err, json.Unmarshal(parts[3], &text))
		}
		f.code, f.text = string(code), string(text)
	default:
		return f, fmt.Errorf("%q with %d parts is no message", kind, len(parts))
	}
	return f, err
}

// encode writes a message; the payload is any value.
func encode(f frame, payload any) ([]byte, error) {
	switch f.kind {
	case kindCall:
		return json.Marshal([]any{kindCall, f.id, f.action, payload})
	case kindResult:
		return json.Marshal([]any{kindResult, f.id, payload})
	}
	return json.Marshal([]any{kindError, f.id, f.code, f.text, struct{}{}})
}

// word is a text as stations write it: also a number, and with blanks or quotes around it.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(data []byte) error {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	} else if strings.ContainsAny(text, "[{") {
		return fmt.Errorf("%.40s is no text", data)
	}
	if text == "null" {
		text = ""
	}
	*w = word(strings.Trim(text, " \t\r\n\"'"))
	return nil
}

// number is the word as a number; false where it is none.
func (w word) number() (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(w)), 64)
	return f, err == nil && f-f == 0 // neither infinite nor NaN
}

// whole is the word as a whole number, 0 where it is none.
func (w word) whole() int {
	f, _ := w.number()
	if f < -1<<31 || f >= 1<<31 {
		return 0
	}
	return int(f)
}
