package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// How long is waited for what is asked while a person waits.
const (
	tryWait   = 5 * time.Second
	heardWait = 6 * time.Second
)

// ask makes the configuration from answers.
func (c initCmd) ask(e *env, data string) (setup.Draft, error) {
	d := setup.NewDialogue(e.Ctx, e.Stdin, e.Stdout)
	d.Say("An empty answer takes what stands in brackets. Nothing is written before the end.")
	draft, err := setup.Ask(e.Ctx, d, c.world(e), data)
	switch {
	case errors.Is(err, setup.ErrNoAnswer):
		return draft, &exitError{exitUsage, fmt.Errorf("%w, before the last question; nothing is written", err)}
	case e.Ctx.Err() != nil:
		return draft, errors.New("stopped; nothing is written")
	}
	return draft, err
}

// world is what the questions may ask of this machine.
func (c initCmd) world(e *env) setup.World {
	return setup.World{
		Zone: machineZone(e),
		There: func(name string) bool {
			_, err := os.Stat(c.beside(name))
			return err == nil
		},
		Read: func(name string) ([]byte, error) { return os.ReadFile(c.beside(name)) },
		Free: func(port int) error {
			l, err := (&net.ListenConfig{}).Listen(e.Ctx, "tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			return l.Close()
		},
		Ports: func() []string {
			b, err := board.Open()
			if err != nil {
				return nil
			}
			var out []string
			for _, f := range b.Findings() {
				if f.Kind == board.KindSerial && f.Outcome == board.Loaded {
					out = append(out, f.Name)
				}
			}
			return out
		},
		Heard: func(ctx context.Context, d setup.Draft) ([]setup.Heard, error) {
			cfg, _ := c.parse(e, d)
			found, err := (&probeCmd{MQTT: cfg.MQTT.URL, Username: cfg.MQTT.Username, Password: cfg.MQTT.Password, Wait: heardWait}).listen(ctx)
			if err != nil {
				return nil, err
			}
			var out []setup.Heard
			for _, f := range found.all() {
				out = append(out, setup.Heard{Kind: f.Kind, Name: f.Name, Shows: meterShows(f.Kind, f.Sample)})
			}
			return out, nil
		},
		Faults: func(d setup.Draft) fault.List {
			cfg, faults := c.parse(e, d)
			return cfg.Locate(faults, service.Faults(cfg, faults))
		},
		Try: func(ctx context.Context, d setup.Draft, what string) setup.Tried {
			return tried(service.Try(ctx, c.orders(e, d), tryWait, what)...)
		},
		Over: func(ctx context.Context, d setup.Draft, load string) setup.Tried {
			return tried(service.TryOver(ctx, c.orders(e, d), load, tryWait))
		},
		Hash:   web.HashPIN,
		Random: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
	}
}

// parse reads a draft as if it stood where it is to be written.
func (c initCmd) parse(e *env, d setup.Draft) (config.Config, fault.List) {
	secrets := config.FromSystem()
	secrets.Getenv = e.Getenv
	system := secrets
	pending := func(name string) (string, bool) {
		rel, err := filepath.Rel(filepath.Dir(c.File), name)
		text, ok := d.Files[rel]
		return text, ok && err == nil
	}
	secrets.ReadFile = func(name string) ([]byte, error) {
		if text, ok := pending(name); ok {
			return []byte(text), nil
		}
		return system.ReadFile(name)
	}
	secrets.Mode = func(name string) (fs.FileMode, error) {
		if _, ok := pending(name); ok {
			return secretMode, nil
		}
		return system.Mode(name)
	}
	return config.Parse([]byte(d.Text), filepath.Dir(c.File), secrets, drivers.All())
}

// orders are those of a trial; what is wrong beside what is tried is not to keep it from being asked.
func (c initCmd) orders(e *env, d setup.Draft) service.Orders {
	cfg, _ := c.parse(e, d)
	return service.Orders{Config: cfg, Log: slog.New(slog.DiscardHandler)}
}

func tried(all ...service.Tried) setup.Tried {
	if len(all) == 0 {
		return setup.Tried{Says: "it could not be asked"}
	}
	t := all[0]
	return setup.Tried{Answers: t.Answer != service.Wrong, Says: t.Says, Next: t.Next}
}

// machineZone is this machine's time zone, where it has a name.
func machineZone(e *env) string {
	if tz := e.Getenv("TZ"); tz != "" && !strings.HasPrefix(tz, ":") && !strings.HasPrefix(tz, "/") {
		return tz
	}
	to, err := os.Readlink("/etc/localtime")
	if _, zone, ok := strings.Cut(to, "/zoneinfo/"); err == nil && ok {
		return zone
	}
	return ""
}
