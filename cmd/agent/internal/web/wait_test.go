package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

func TestAWaitRunsDownInEachLanguage(t *testing.T) {
	over := map[string]bool{}
	for _, lang := range present.Languages() {
		c, err := present.Open(lang)
		if err != nil {
			t.Fatal(err)
		}
		v := newFake().View()
		v.TopUp.LockedUntil = v.At.Add(10 * time.Minute)
		m := model{Format: formatFor(c, &v), V: &v}
		w := wait{Left: 90 * time.Second, Words: m.Duration(90 * time.Second), Over: c.T("wait.over")}
		for where, html := range map[string]string{
			"token": string(w.Line(c.T("topup.until", "time", w.Words, "when", m.When(v.At)))),
			"PIN":   string(w.Line(c.T("pin.wait.do", "time", w.Words))),
		} {
			if !strings.HasPrefix(html, `<span data-left="90000" data-over="`) || !strings.Contains(html, `<span class="left">`+w.Words+`</span>`) {
				t.Errorf("%s, %s: %s", lang, where, html)
			}
		}
		if html := string(m.LockedLine()); !strings.HasPrefix(html, `<span data-until="`) {
			t.Errorf("%s, gate: %s", lang, html)
		}
		over[w.Over] = true
	}
	if len(over) != 10 {
		t.Errorf("what is said after a wait, in %d ways in 10 languages", len(over))
	}
}

func TestAWaitIsEscapedAndMarkedOnlyWhereItStands(t *testing.T) {
	w := wait{Left: 2 * time.Second, Words: "2 <s>", Over: `"now"`}
	if got, want := string(w.Line("a & 2 <s>!")), `<span data-left="2000" data-over="&#34;now&#34;">a &amp; <span class="left">2 &lt;s&gt;</span>!</span>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.Speed = 60
	if got, want := string(w.Line("2 <s>")), `<span data-left="2000" data-speed="60" data-over="&#34;now&#34;"><span class="left">2 &lt;s&gt;</span></span>`; got != want {
		t.Errorf("of a demo: %s, want %s", got, want)
	}
	for _, c := range []wait{w, {}} {
		if got := string(c.Line("<b>")); got != "&lt;b&gt;" {
			t.Errorf("a line without a wait: %s", got)
		}
	}
}
