package service

import (
	"net/netip"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/front"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/said"
)

// pageOf builds the page.
func (s *Service) pageOf(cfg config.Config, opt Options) (err error) {
	unit := web.Unit{Code: s.site.Currency, Symbol: cfg.Site.Symbol, Decimals: s.site.Tariff.Decimals(), Energy: s.site.InKWh}
	about := front.About{
		Name: cfg.Site.Name, Unit: unit, Version: opt.Version, Started: s.started, Meter: cfg.Meter.Label(),
		Digits: tokenDigits(cfg), Emergency: cfg.Credit.Emergency, System: s.system,
	}
	if opt.Demo != nil {
		about.Demo = func() *web.Demo { return opt.Demo(s) }
	}
	s.front = front.New(s.site, s.loop, s.store, about)
	s.page, err = web.New(s.front, web.Config{
		Listener: opt.Listener, Listen: cfg.Web.Listen, Title: cfg.Web.Title, PINHash: cfg.Web.PIN,
		OpenReading: cfg.Web.Reading == "open", OpenChanges: opt.Open, Hosts: cfg.Web.Hosts,
		Behind: func() time.Time { return s.loop.Snapshot().Behind }, Patience: cfg.Patience(),
		TLS: pageTLS(cfg), Proxies: cfg.Web.Proxies, Guessed: s.pinGuessed,
	}, s.log)
	return err
}

// pageTLS is the page's certificate.
func pageTLS(cfg config.Config) web.TLS {
	t := web.TLS{Cert: cfg.Path(cfg.Web.TLS.Cert), Key: cfg.Path(cfg.Web.TLS.Key), Names: cfg.Web.Hosts}
	if cfg.Web.TLS.Own {
		t.Own = cfg.Path(cfg.Data)
	}
	return t
}

// pinGuessed leaves word of PINs that were guessed at, for watchLinks to tell.
func (s *Service) pinGuessed(n int, who []netip.Addr) {
	cause := said.Of("pin.guessed", said.Count("n", int64(n)), said.Text("from", who[0].String()))
	if len(who) > 1 {
		cause = cause.Then(said.Of("pin.others", said.Count("n", int64(len(who)-1))))
	}
	s.guessed.Store(&cause)
}

// tokenDigits are the lengths that a token may have.
func tokenDigits(cfg config.Config) []int {
	var out []int
	if d := cfg.Tokens.OpenPAYGO; d != nil {
		out = append(out, d.Form().Len())
	}
	if cfg.Tokens.STS != nil {
		out = append(out, 20)
	}
	return out
}
