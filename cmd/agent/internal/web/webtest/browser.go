// Package webtest drives a page in a real Chromium and says what is wrong with
// it: errors in the console, refusals by the content policy, missing labels,
// weak contrast, small targets, sideways scrolling.
//
// The browser is the one on the PATH.  Where there is none a test is skipped
// with the reason, or fails where KEEPLIT_REQUIRE_BROWSER=1 is set.
package webtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what is waited for.
const patience = 15 * time.Second

// Browser is one running Chromium.
type Browser struct{ ctx context.Context }

// Start runs a browser until the test ends.
func Start(tb testing.TB) *Browser {
	tb.Helper()
	path := find()
	if path == "" {
		if os.Getenv("KEEPLIT_REQUIRE_BROWSER") == "1" {
			tb.Fatal("KEEPLIT_REQUIRE_BROWSER=1, but none of chromium, chromium-browser, google-chrome is on the PATH")
		}
		tb.Skip("no browser: none of chromium, chromium-browser, google-chrome is on the PATH")
	}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(tb.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("force-color-profile", "srgb"),
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(alloc)
	tb.Cleanup(func() {
		chromedp.Cancel(ctx) //nolint:errcheck // the browser is being closed
		stop()
		stopAlloc()
	})
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

// Screen is what a page is looked at with.
type Screen struct {
	Width, Height int64
	Phone         bool // touch, and two device pixels to a pixel
	Dark          bool
	NoScript      bool
}

// The screens that pages are made for.
func Phone() Screen { return Screen{Width: 390, Height: 844, Phone: true} }

// Desktop is a laptop's window.
func Desktop() Screen { return Screen{Width: 1280, Height: 800} }

// InDark is s with the dark colour scheme.
func (s Screen) InDark() Screen { s.Dark = true; return s }

func (s Screen) scheme() string {
	if s.Dark {
		return "dark"
	}
	return "light"
}

// Name is "390x844-light".
func (s Screen) Name() string {
	return fmt.Sprintf("%dx%d-%s", s.Width, s.Height, s.scheme())
}

// Page is a tab with cookies of its own.  Its methods fail the test where
// what they ask for does not come.
type Page struct {
	tb     testing.TB
	ctx    context.Context
	screen Screen
	finger [2]float64 // where it is down, in pixels of the page

	mu       sync.Mutex
	problems []string
	bytes    map[string]float64 // over the wire, by request
	urls     map[string]string
}

// Page opens a tab.
func (b *Browser) Page(tb testing.TB, s Screen) *Page {
	tb.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	tb.Cleanup(stop)
	p := &Page{tb: tb, ctx: ctx, screen: s, bytes: map[string]float64{}, urls: map[string]string{}}
	p.must(
		chromedp.Do(ctx),
		chromedp.Listen(ctx, p.hear),
		call(ctx, network.Enable, network.EnableParams{}),
		call(ctx, cdplog.Enable, cdp.Empty{}),
		call(ctx, runtime.Enable, cdp.Empty{}),
		size(ctx, s),
		call(ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: s.Phone}),
		media(ctx, s.Dark),
		call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: s.NoScript}),
	)
	return p
}

func media(ctx context.Context, dark bool) error {
	scheme := Screen{Dark: dark}.scheme()
	return call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // nothing moves under the pointer
		},
	})
}

// Grant has the browser grant the page's origin a permission: "notifications".
func (p *Page) Grant(origin, permission string) {
	p.tb.Helper()
	c := chromedp.FromContext(p.ctx)
	p.must(call(p.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: permission}, Setting: browser.PermissionSettingGranted, Origin: origin, BrowserContextID: c.BrowserContextID,
	}))
}

// SetDark changes the colour scheme under the open page.
func (p *Page) SetDark(dark bool) {
	p.tb.Helper()
	p.screen.Dark = dark
	p.must(media(p.ctx, dark))
}

func size(ctx context.Context, s Screen) error {
	scale := 1.0
	if s.Phone {
		scale = 2
	}
	return call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.Width, Height: s.Height, DeviceScaleFactor: scale, Mobile: s.Phone,
	})
}

func call[P, R any](ctx context.Context, c cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, c, params)
	return err
}

func (p *Page) must(errs ...error) {
	p.tb.Helper()
	if err := errors.Join(errs...); err != nil {
		p.tb.Fatalf("browser: %v; it said: %q", err, p.Problems())
	}
}

func (p *Page) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "exception: "+exceptionText(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var args []string
			for _, a := range e.Args {
				args = append(args, string(a.Value)+a.Description)
			}
			p.problems = append(p.problems, fmt.Sprintf("console.%s: %s", e.Type, strings.Join(args, " ")))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning || e.Entry.Source == cdplog.EntrySourceSecurity {
			p.problems = append(p.problems, fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		p.urls[string(e.RequestID)] = e.Request.URL
	case *network.EventLoadingFinished:
		p.bytes[p.urls[string(e.RequestID)]] += e.EncodedDataLength
	}
}

// Problems are the errors and warnings the browser had since the last call.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.problems
	p.problems = nil
	return out
}

// Weight is the bytes received so far, heads included, by address.
func (p *Page) Weight() map[string]float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]float64{}
	for u, n := range p.bytes {
		out[u] = n
	}
	return out
}

// Weigh begins to weigh anew.
func (p *Page) Weigh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.bytes)
}

func exceptionText(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

// do runs steps in the tab, within twice the patience.
func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, stop := context.WithTimeout(p.ctx, 2*patience)
	defer stop()
	return chromedp.Do(ctx, steps...)
}

// Open loads url.
func (p *Page) Open(url string) {
	p.tb.Helper()
	p.must(p.do(chromedp.Navigate(url)))
}

// Eval runs a JavaScript expression and decodes its value into out, which may
// be nil.
func (p *Page) Eval(expr string, out any) {
	p.tb.Helper()
	p.must(p.eval(expr, out))
}

func (p *Page) eval(expr string, out any) error {
	ctx, stop := context.WithTimeout(p.ctx, 2*patience)
	defer stop()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify(("+expr+")) ?? 'null'"))
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(s), out)
}

// Click presses the element, found by a CSS selector, as a mouse or finger
// would, once it can be seen.
func (p *Page) Click(selector string) {
	p.tb.Helper()
	p.Press(selector)
	p.Release()
}

// Press puts the finger on the element once it can be seen.  Where it moved away
// before the finger was there, the finger is lifted elsewhere, which clicks
// nothing, and the element is looked for again.
func (p *Page) Press(selector string) {
	p.tb.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if p.press(selector) {
			return
		}
	}
	p.tb.Fatalf("waited %s in vain to press %s; problems: %v", patience, selector, p.Problems())
}

// press says whether the finger met the element.
func (p *Page) press(selector string) bool {
	p.tb.Helper()
	var at struct {
		X, Y float64
		Seen bool
	}
	err := p.eval(fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		if (!e || !e.getClientRects().length) return { Seen: false };
		e.scrollIntoView({ block: 'center', behavior: 'instant' });
		const r = e.getBoundingClientRect();
		return { X: r.left + r.width / 2, Y: r.top + r.height / 2, Seen: true } })()`, quote(selector)), &at)
	if err != nil || !at.Seen { // evaluating fails while the page loads another
		return false
	}
	p.finger = [2]float64{at.X, at.Y}
	p.must(p.do(p.mouse(chromedp.MousePressed)))
	var met bool
	if p.eval(fmt.Sprintf("!!document.querySelector(%s)?.matches(':active')", quote(selector)), &met) != nil || !met {
		p.finger = [2]float64{-1, -1}
		p.Release()
		return false
	}
	return true
}

// Release lifts the finger where it is.
func (p *Page) Release() {
	p.tb.Helper()
	p.must(p.do(p.mouse(chromedp.MouseReleased)))
}

func (p *Page) mouse(what input.DispatchMouseEventType) chromedp.Action[chromedp.Void] {
	return chromedp.MouseEvent(what, p.finger[0], p.finger[1], chromedp.ButtonLeft, chromedp.ClickCount(1))
}

// Type puts the focus on the element and types text.
func (p *Page) Type(selector, text string) {
	p.tb.Helper()
	p.must(p.do(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible)))
}

// Keys types text to whatever has the focus.
func (p *Page) Keys(text string) {
	p.tb.Helper()
	p.must(p.do(chromedp.KeyEvent(text)))
}

// text is that of the element, as it is read, with its spaces made plain.
func (p *Page) text(selector string) (string, error) {
	var s string
	err := p.eval(fmt.Sprintf("(document.querySelector(%s)?.innerText ?? '(nothing is %s)')", quote(selector), strings.Trim(quote(selector), `"`)), &s)
	return plain(s), err
}

func plain(s string) string {
	s = strings.ReplaceAll(s, "\u2060", "")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t\r\u00a0\u202f", r) }), " ")
}

// See waits until the element's text holds want.
func (p *Page) See(selector, want string) {
	p.tb.Helper()
	end := time.Now().Add(patience)
	var got string
	for time.Now().Before(end) {
		s, err := p.text(selector) // fails while the page loads another
		if err == nil {
			got = s
		}
		if err == nil && strings.Contains(got, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.tb.Fatalf("%s reads %q, want %q in it", selector, got, want)
}

// Wait waits until a JavaScript expression is true.
func (p *Page) Wait(what, expr string) {
	p.tb.Helper()
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		var ok bool
		if p.eval("!!("+expr+")", &ok) == nil && ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.tb.Fatalf("waited %s in vain for %s; problems: %v", patience, what, p.Problems())
}

// URL is the address of the page.
func (p *Page) URL() string {
	p.tb.Helper()
	var s string
	p.Eval("location.href", &s)
	return s
}

// Screenshot writes the page as NAME.png to the folder that KEEPLIT_SCREENSHOTS
// names; without it, nothing.  Whole takes the page to its end, else only what
// the screen shows.
func (p *Page) Screenshot(name string, whole bool) {
	p.tb.Helper()
	dir := os.Getenv("KEEPLIT_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, stop := context.WithTimeout(p.ctx, 2*patience)
	defer stop()
	if whole { // a taller screen, so that bars fixed to its edges stay there
		var height int64
		p.Eval("document.documentElement.scrollHeight", &height)
		tall := p.screen
		tall.Height = max(tall.Height, height)
		p.must(size(ctx, tall))
		p.Eval("window.scrollTo(0, 0)", nil)
		time.Sleep(100 * time.Millisecond)
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	p.must(err, size(ctx, p.screen))
	if !whole {
		png, err = few(png)
		p.must(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.tb.Fatal(err)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s) //nolint:errcheck // a string
	return string(b)
}
