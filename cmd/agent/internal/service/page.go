package service

import (
	"context"
	"crypto/ed25519"
	"net/netip"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/desk"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/talk"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/said"
)

// pageOf builds what shows the loop: the page, and the talk with the broker.
func (s *Service) pageOf(cfg config.Config, opt Options) (err error) {
	unit := present.Unit{Code: s.site.Currency, Symbol: cfg.Site.Symbol, Decimals: s.site.Tariff.Decimals(), Energy: s.site.InKWh}
	maker := picture.New(s.site, picture.About{
		Name: cfg.Site.Name, Unit: unit, Meter: cfg.Meter.Label(), Digits: tokenDigits(cfg), Emergency: cfg.Credit.Emergency, Words: s.words,
	})
	s.talk = talk.New(s.site, s.loop, s.store, maker)
	s.talk.Share(shares(cfg.Telemetry.Share.MQTT))
	s.talk.Reads(s.store.Intervals)
	s.announce(cfg, opt.Version, unit)
	ownKey := sync.OnceValues(func() (ed25519.PrivateKey, error) { return siteKey(cfg.Path(cfg.Data)) })
	if s.site.Policy != nil {
		key, err := ownKey()
		if err != nil { // the light does not depend on what the utility is told
			s.unsigned = err.Error()
			s.log.Error("acknowledgements cannot be signed, and are not sent", "error", err)
		} else {
			s.talk.Sign(key)
		}
	}
	started := s.started
	if s.plant != nil {
		s.began = s.now()
		started = s.began
	}
	about := desk.About{Version: opt.Version, Started: started, System: s.system, Totals: s.totals.Load}
	if opt.Demo != nil {
		about.Demo = func() *picture.Demo { return opt.Demo(s) }
	}
	s.desk = desk.New(s.site, s.loop, s.store, maker, about)
	s.talk.Readings(func(ctx context.Context, r api.MeterReading) error { return s.desk.ToldReading(ctx, r, "mqtt") })
	s.page, err = web.New(s.desk, web.Config{
		Listener: opt.Listener, Listen: cfg.Web.Listen, Title: cfg.Web.Title, PINHash: cfg.Web.PIN,
		OpenReading: cfg.Web.Open(), OpenChanges: opt.Open, Hosts: cfg.Web.Hosts,
		Behind: func() time.Time { return s.loop.Snapshot().Behind }, Patience: cfg.Patience(),
		TLS: PageTLS(cfg), Proxies: cfg.Web.Proxies, Guessed: s.pinGuessed,
		Clock: s.now, Key: ownKey, Meter: s.site.Meter, Language: cfg.Site.Language,
		Set: s.set.Book, Written: s.set.Written, Box: theBox{s, opt.File, opt.Version},
	}, s.log)
	return err
}

// PageTLS is the certificate of the page of an agent with a configuration.
func PageTLS(cfg config.Config) web.TLS {
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
	if cfg.Tokens.Voucher != nil {
		out = append(out, voucher.Digits)
	}
	if cfg.Tokens.Described != nil {
		if what, err := DescriptionOf(cfg); err == nil { // it was read before
			out = append(out, what.Len())
		}
	}
	return out
}
