package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/keeplit/keeplit/internal/fault"
)

// notText finds the first line that is no UTF-8, as in a file that was saved as
// UTF-16 or in an old code page.
func notText(data []byte) (f fault.Fault, bad bool) {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
			return fault.Fault{Line: i + 1, Problem: "this is not UTF-8 text", Remedy: "save the file as UTF-8 (in an editor: save as, encoding UTF-8)"}, true
		}
	}
	return f, false
}

func syntaxFault(err error) fault.Fault {
	f := fault.Fault{Problem: err.Error(), Remedy: "correct the YAML: mind the indentation and the colon after each key"}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		f.Problem = syntax.GetMessage()
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			f.Line = t.Position.Line
		}
		if strings.Contains(f.Problem, "'\t'") {
			f.Problem, f.Remedy = "a tab stands where YAML has spaces", "indent with spaces: set the editor to write them in place of tabs"
		}
	}
	return f
}
