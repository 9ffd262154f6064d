package httpmeter

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const pathRemedy = `write keys with dots between, [0] for the first of a list: emeters[0].total`

// step is one step of a path: a key of an object, or a place in a list.
type step struct {
	key  string
	at   int
	list bool
}

// parsePath reads emeters[0].total or Body["a.b"].
func parsePath(text string) ([]step, error) {
	var out []step
	rest := text
	for rest != "" {
		switch {
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("%q opens a bracket and does not close it", text)
			}
			inner := rest[1:end]
			if strings.HasPrefix(inner, `"`) { // the key may hold a bracket
				key, after, err := quoted(rest[1:])
				if err != nil || !strings.HasPrefix(after, "]") {
					return nil, fmt.Errorf("%q has a key whose quotes do not end", text)
				}
				out, rest = append(out, step{key: key}), after[1:]
				break
			}
			n, err := strconv.Atoi(inner)
			if err != nil || n < 0 || n > 10_000 {
				return nil, fmt.Errorf("%q: [%s] is not a place in a list", text, inner)
			}
			out, rest = append(out, step{at: n, list: true}), rest[end+1:]
		case rest[0] == '.' && len(out) > 0:
			if rest = rest[1:]; rest == "" || rest[0] == '.' || rest[0] == '[' {
				return nil, fmt.Errorf("%q has nothing after a dot", text)
			}
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("%q begins with a dot", text)
			}
			out, rest = append(out, step{key: rest[:end]}), rest[end:]
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the path is missing")
	}
	return out, nil
}

// quoted reads a key in quotes from the beginning of text.
func quoted(text string) (key, after string, err error) {
	prefix, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", err
	}
	key, err = strconv.Unquote(prefix)
	return key, text[len(prefix):], err
}

// follow leads to a value of a decoded answer.
func follow(v any, path []step) (any, error) {
	for i, s := range path {
		if s.list {
			list, ok := v.([]any)
			if !ok || s.at >= len(list) {
				return nil, fmt.Errorf("the answer has no %s", show(path[:i+1]))
			}
			v = list[s.at]
			continue
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the answer has no %s", show(path[:i+1]))
		}
		if v, ok = object[s.key]; !ok {
			return nil, fmt.Errorf("the answer has no %s", show(path[:i+1]))
		}
	}
	return v, nil
}

// number is the number that a path leads to.  Many answer with "12.50": a plain
// decimal in quotes is the number it says, and no other text is.
func number(v any, path []step) (json.Number, error) {
	v, err := follow(v, path)
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
			return "", fmt.Errorf("%s is a long text and not a number", show(path))
		}
		return "", fmt.Errorf("%s is %q, which is not a number", show(path), v)
	case nil:
		return "", fmt.Errorf("%s is null", show(path))
	}
	return "", fmt.Errorf("%s is not a number", show(path))
}

// decimal is a number as JSON writes it, but for its exponent.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`) //nolint:gochecknoglobals // compiled once, never changed

// text is the text or number that a path leads to.
func text(v any, path []step) (string, error) {
	v, err := follow(v, path)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is neither a text nor a number", show(path))
}

func show(path []step) string {
	var b strings.Builder
	for i, s := range path {
		switch {
		case s.list:
			fmt.Fprintf(&b, "[%d]", s.at)
		case s.key == "" || strings.ContainsAny(s.key, `.[]"`):
			fmt.Fprintf(&b, "[%q]", s.key)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}
