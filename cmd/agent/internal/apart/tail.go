package apart

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

// tail keeps the beginning of what a process says at its end: a panic's message
// and its first stack.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailMost = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		if room := tailMost - len(t.text); room > 0 {
			room = min(room, len(b))
			t.text, b = append(t.text, b[:room]...), b[room:]
			continue
		}
		if at := cry.FindIndex(t.text); at != nil && at[0] < tailMost/2 {
			break
		}
		// It said much else before its end.
		t.text = append(t.text[:0], t.text[tailMost/2:]...)
	}
	return n, nil
}

var (
	cry   = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|runtime: .*exceeds.*limit.*|agent: .*)$`)
	frame = regexp.MustCompile(`(?m)^(\S+)\(.*\)\n\t(\S+\.go:\d+)`)
)

// place is what a process said of its end: the message, and the first call that
// is not the runtime's.
func (t *tail) place() string {
	t.mu.Lock()
	text := string(t.text)
	t.mu.Unlock()
	message := cry.FindString(text)
	if message == "" {
		return ""
	}
	if len(message) > 300 {
		message = message[:300]
	}
	for _, f := range frame.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(f[1], "runtime.") || strings.HasPrefix(f[1], "internal/") || f[1] == "panic" || strings.HasPrefix(f[1], "testing.") {
			continue
		}
		return message + " in " + path.Base(f[1]) + " (" + path.Base(f[2]) + ")"
	}
	return message
}
