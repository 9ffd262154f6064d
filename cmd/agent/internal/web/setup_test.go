package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// fakeInterview asks what it is set to ask, and keeps what it is told.
type fakeInterview struct {
	mu   sync.Mutex
	now  Asked
	told []string
	// moves gives each question that was answered another number.
	moves bool
}

func (f *fakeInterview) Now(ctx context.Context) Asked {
	f.mu.Lock()
	a := f.now
	f.mu.Unlock()
	if a.Text == "" && !a.Ended {
		<-ctx.Done()
	}
	return a
}

func (f *fakeInterview) Reply(n int, answer string) { f.tell(n, "="+answer) }
func (f *fakeInterview) Back(n int)                 { f.tell(n, " back") }

func (f *fakeInterview) tell(n int, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, strconv.Itoa(n)+what)
	if f.moves {
		f.now.N++
	}
}

func (f *fakeInterview) ask(a Asked) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = a
}

func serveSetup(tb testing.TB, f *fakeInterview) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := NewSetup(f, Config{Listener: l, PINHash: testHash()}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

func theMeter() Asked {
	return Asked{
		N: 9, Text: "Which meter", Usual: "1", Wrong: "now choose one", Said: []string{"Looking on /dev/ttyUSB0 ..."},
		Offers: []Choice{{"1", "sdm230 on /dev/ttyUSB0: 231 V, register 1000.25 kWh"}, {"modbus", "a meter with RS-485 or Modbus TCP"}, {"p1", "the P1 port of a smart meter"}},
	}
}

// Nothing is told to, and nothing is taken from, whoever has not given the code; guessing it is slow.
func TestSettingUpIsForWhoHasTheCode(t *testing.T) {
	t.Parallel()
	f := &fakeInterview{now: theMeter()}
	at := serveSetup(t, f)
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	read := func(a *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, _ := io.ReadAll(a.Body)
		return a.StatusCode, string(b)
	}
	for _, ask := range []func() (int, string){
		func() (int, string) { return read(c.Get(at)) },
		func() (int, string) { return read(c.PostForm(at+"/answer", url.Values{"n": {"9"}, "answer": {"1"}})) },
		func() (int, string) { return read(c.PostForm(at+"/back", url.Values{"n": {"9"}})) },
		func() (int, string) { return read(c.Get(at + "/account")) },
	} {
		if _, body := ask(); strings.Contains(body, "sdm230") || !strings.Contains(body, `action="/code"`) {
			t.Errorf("without the code: %s", body)
		}
	}
	for n := range 6 {
		status, body := read(c.PostForm(at+"/code", url.Values{"code": {"00000000"}}))
		want := map[bool]string{true: "That code is wrong", false: "Try again in"}[n < 4]
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, want) || strings.Contains(body, "sdm230") {
			t.Errorf("wrong code %d: %d %s", n, status, body)
		}
	}
	if len(f.told) != 0 {
		t.Errorf("it was told %v", f.told)
	}

	// Whoever has it, from another address of this network; blanks between its digits do no harm.
	f, at = &fakeInterview{now: theMeter()}, ""
	at = serveSetup(t, f)
	if status, body := read(c.PostForm(at+"/code", url.Values{"code": {" " + testPIN[:2] + " " + testPIN[2:] + " "}})); status != http.StatusOK || !strings.Contains(body, "Which meter") || !strings.Contains(body, "Now choose one.") {
		t.Fatalf("%d %s", status, body)
	}
	read(c.PostForm(at+"/answer", url.Values{"n": {"9"}, "answer": {"p1"}}))
	read(c.PostForm(at+"/answer", url.Values{"n": {"nine"}, "answer": {"p1"}}))
	read(c.PostForm(at+"/back", url.Values{"n": {"9"}}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/answer", strings.NewReader("n=9&answer=evil"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if status, _ := read(c.Do(r)); status != http.StatusForbidden {
		t.Errorf("another site's form: %d", status)
	}
	if got := strings.Join(f.told, " "); got != "9=p1 -1=p1 9 back" {
		t.Errorf("it was told %s", got)
	}
	f.ask(Asked{N: 10, Said: []string{"Listening for meters on the broker ..."}})
	a, err := c.Get(at)
	if _, body := read(a, err); a.Header.Get("Refresh") != "1" || !strings.Contains(body, "The box is at work") || !strings.Contains(body, "Listening for meters") {
		t.Errorf("at work: %v %s", a.Header, body)
	}
}

// Each kind of question in a browser: pressed, typed, gone back from.
func TestBrowserSetsUp(t *testing.T) {
	b := webtest.Start(t)
	steps := map[string]Asked{
		"choice": theMeter(),
		"only":   {N: 1, Text: "What kind of site is it", Usual: "home", Only: true, First: true, Offers: []Choice{{"home", ""}, {"shop", ""}, {"office", ""}}, Said: []string{"Nothing is written before the last answer."}},
		"text":   {N: 5, Text: "What does the main breaker carry (as 60 A, 3 x 25 A or 13.8 kW)", Offers: []Choice{{"60 A", ""}}, Usual: "60 A"},
		"secret": {N: 12, Text: "Once more", Hidden: true, Said: []string{"  the two are not the same"}},
		"ended":  {N: 30, Ended: true, Said: []string{"/etc/keeplit/keeplit.yaml is written.", "Where setting up was started, give: systemctl restart keeplit"}},
	}
	for _, s := range []webtest.Screen{webtest.Phone(), webtest.Phone().InDark(), webtest.Desktop(), webtest.Desktop().InDark(), {Width: 320, Height: 640, Phone: true}} {
		f := &fakeInterview{now: steps["only"]}
		at := serveSetup(t, f)
		p := b.Page(t, s)
		p.Open(at)
		p.Screenshot("setup-code-"+s.Name(), true)
		clean(t, p, "code")
		p.Type("#pin", testPIN)
		p.Click("#enter")
		p.Wait("the first question", "document.querySelector('#question')?.textContent.includes('kind of site') && document.readyState === 'complete'")
		for name, a := range steps {
			f.ask(a)
			p.Open(at)
			p.Screenshot("setup-"+name+"-"+s.Name(), true)
			clean(t, p, name+" "+s.Name())
		}
		f.ask(theMeter())
		f.moves = true
		p.Open(at)
		next := func(n string) {
			p.Wait("question "+n, "document.readyState === 'complete' && document.querySelector('input[name=n]')?.value === '"+n+"'")
		}
		p.Click(".offer[value=p1]")
		next("10")
		p.Type("#answer", "search /dev/ttyS0")
		p.Click("#next")
		next("11")
		p.Click("#back")
		next("12")
		f.mu.Lock()
		if got := strings.Join(f.told, ", "); got != "9=p1, 10=search /dev/ttyS0, 11 back" {
			t.Errorf("%s: it was told %s", s.Name(), got)
		}
		f.mu.Unlock()
	}
}
