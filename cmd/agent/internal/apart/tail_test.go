package apart

import (
	"strings"
	"testing"
)

func TestWhatAProcessSaysAtItsEndIsKeptWhateverItSaidBefore(t *testing.T) {
	const end = "panic: all is lost\n\ngoroutine 1 [running]:\nmain.plan(...)\n\t/x/plan.go:7 +0x1\n"
	for _, before := range []int{0, 10, tailMost - 5, tailMost, 5 * tailMost} {
		said := &tail{}
		for _, text := range []string{strings.Repeat("a line of noise\n", before/16), end, strings.Repeat("goroutine 2 [wait]:\n", tailMost)} {
			if n, err := said.Write([]byte(text)); n != len(text) || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, len(text), err)
			}
		}
		if got := said.place(); !strings.HasPrefix(got, "panic: all is lost in main.plan") || len(said.text) > tailMost {
			t.Errorf("after %d bytes it says %q, and keeps %d", before, got, len(said.text))
		}
	}
}
