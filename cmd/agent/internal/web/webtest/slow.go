package webtest

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Link is how a page reaches its reader.
type Link struct {
	Name    string
	Down    float64 // bytes a second
	Up      float64
	Latency float64 // milliseconds, there and back
	CPU     float64 // by how much the reader's processor is slower than this one
}

// Slow3G is a phone of some years ago on a mobile network: 1.6 Mbit/s down, 768 kbit/s up, 150 ms there and
// back (what WebPageTest calls 3G Fast), and a quarter of this processor.
func Slow3G() Link { return Link{"3G", 1.6e6 / 8, 768e3 / 8, 150, 4} }

// Slow2G is the same phone at the edge of a network: 280 kbit/s down, 256 kbit/s up, 800 ms there and back
// (WebPageTest's 2G).
func Slow2G() Link { return Link{"2G", 280e3 / 8, 256e3 / 8, 800, 4} }

// Over has pages reached over a link from now on, and marks when their own scripts are in force.  Each request
// waits for the link's latency once; that a connection is made first is not in it.
func (p *Page) Over(l Link) {
	p.tb.Helper()
	_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Latency: l.Latency, DownloadThroughput: l.Down, UploadThroughput: l.Up}},
	})
	_, marked := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `new MutationObserver(() => { if (!window.scripted && document.documentElement?.classList.contains('js')) window.scripted = performance.now(); }).observe(document, { subtree: true, attributes: true, childList: true });`,
	})
	p.must(err, marked, call(p.ctx, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: l.CPU}))
}

// Forget empties the browser's cache.
func (p *Page) Forget() {
	p.tb.Helper()
	p.must(call(p.ctx, network.ClearBrowserCache, cdp.Empty{}))
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.bytes)
}
