// Package jsonpath is where in a JSON document a value stands, as configurations write it:
// emeters[0].total, or Body["a.b"].
package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
)

// Remedy is what is to be written in place of a path that is none.
const Remedy = `write keys with dots between, [0] for the first of a list: emeters[0].total`

// Path leads from a document to a value in it; without a step to the whole of it.
type Path []step

// step is one step of a path: a key of an object, or a place in a list.
type step struct {
	key  string
	at   int
	list bool
}

// Parse reads a path; the error says what is wrong with it.
func Parse(text string) (Path, error) {
	var out Path
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

// In is the value in a document as encoding/json decodes it; the error says how far the
// path goes.
func (p Path) In(v any) (any, error) {
	for i, s := range p {
		if s.list {
			list, ok := v.([]any)
			if !ok || s.at >= len(list) {
				return nil, fmt.Errorf("the answer has no %s", p[:i+1])
			}
			v = list[s.at]
			continue
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the answer has no %s", p[:i+1])
		}
		if v, ok = object[s.key]; !ok {
			return nil, fmt.Errorf("the answer has no %s", p[:i+1])
		}
	}
	return v, nil
}

// String writes a path as Parse reads it.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
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
