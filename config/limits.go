package config

import (
	"bytes"
	"fmt"

	"github.com/keeplit/keeplit/internal/fault"
)

const (
	maxIndent = 400     // columns, and brackets that are open at once
	maxBytes  = 4 << 20 // of a document
)

// tooDeep looks at the text before the parser does: the memory that it takes
// grows with the depth.
func tooDeep(data []byte) (fault.Fault, bool) {
	const remedy = "write the values out, less deep"
	if len(data) > maxBytes {
		return fault.Fault{Problem: fmt.Sprintf("the document is %d bytes long; the most is %d", len(data), maxBytes), Remedy: "divide it, or take out what is no configuration", Line: 1}, true
	}
	depth, line := 0, 0
	for text := range bytes.Lines(data) {
		line++
		// The marks of nested entries count as indentation: "- - - x".
		if body := bytes.TrimLeft(text, " \t-?"); len(text)-len(body) > maxIndent {
			return fault.Fault{Problem: fmt.Sprintf("is indented more than %d columns", maxIndent), Remedy: remedy, Line: line}, true
		}
		for _, b := range text {
			switch b {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
		}
		if depth > maxIndent || bytes.Count(text, []byte("[")) > maxValues {
			return fault.Fault{Problem: fmt.Sprintf("opens more than %d brackets", maxIndent), Remedy: remedy, Line: line}, true
		}
	}
	return fault.Fault{}, false
}
