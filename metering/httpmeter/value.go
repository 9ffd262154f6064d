package httpmeter

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/keeplit/keeplit/internal/jsonpath"
)

// number is the number that a path leads to.  Many answer with "12.50": a plain
// decimal in quotes is the number it says, and no other text is.
func number(v any, path jsonpath.Path) (json.Number, error) {
	v, err := path.In(v)
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
			return "", fmt.Errorf("%s is a long text and not a number", path)
		}
		return "", fmt.Errorf("%s is %q, which is not a number", path, v)
	case nil:
		return "", fmt.Errorf("%s is null", path)
	}
	return "", fmt.Errorf("%s is not a number", path)
}

// decimal is a number as JSON writes it, but for its exponent.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`) //nolint:gochecknoglobals // compiled once, never changed

// text is the text or number that a path leads to.
func text(v any, path jsonpath.Path) (string, error) {
	v, err := path.In(v)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is neither a text nor a number", path)
}
