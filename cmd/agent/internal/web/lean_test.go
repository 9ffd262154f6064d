package web

import (
	"strings"
	"testing"
)

// What is taken out is comments and indentation alone: the script and the style sheet say the same
// without them, and hold nothing that goes over lines and would not.
func TestWhatIsServedIsLeanAndTheSame(t *testing.T) {
	if got := lean("x.js", []byte("// why\n  a(); // stays\n\n  'http://b';\n")); string(got) != "a(); // stays\n'http://b';\n" {
		t.Errorf("%q", got)
	}
	if got := lean("x.css", []byte("/* one */\na { }\n  /* of\n  b { } */\n  c { } /* stays */\n")); string(got) != "a { }\nc { } /* stays */\n" {
		t.Errorf("%q", got)
	}
	if got := lean("vendor/x.js", []byte("// theirs\n")); string(got) != "// theirs\n" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"app.css", "app.js", "chart.js"} {
		b, err := embedded.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			// A text over several lines would lose its beginnings, and a rule behind a comment would be lost with it.
			if strings.Contains(line, "`") || strings.HasSuffix(line, "\\") || strings.HasPrefix(line, "/*") && strings.Contains(line, "*/") && !strings.HasSuffix(line, "*/") {
				t.Errorf("%s: %s", name, line)
			}
			if strings.HasSuffix(name, ".css") && strings.Contains(line, "*/") && !strings.HasSuffix(line, "*/") && !strings.Contains(line, "/*") {
				t.Errorf("%s: a comment ends in the middle of a line: %s", name, line)
			}
		}
	}
}
