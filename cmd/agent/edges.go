package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// listen subscribes to what comes over MQTT.
func (s *service) listen() error {
	if s.session == nil {
		return nil
	}
	return s.front.Listen(s.session, s.log)
}

// publish keeps the retained MQTT messages up to date.
func (s *service) publish(ctx context.Context) error {
	if s.session == nil {
		<-ctx.Done()
		return nil
	}
	return s.front.Publish(ctx, s.session)
}

// keepBackups is how many nightly copies of the ledger are kept.
const keepBackups = 7

// backup writes a copy of the records beside them and drops the oldest.
func (s *service) backup(ctx context.Context, now time.Time) error {
	folder := filepath.Join(s.cfg.Path(s.cfg.Data), "backup")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := s.store.Backup(ctx, filepath.Join(folder, "keeplit-"+now.UTC().Format("20060102-150405")+".db")); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "keeplit-*.db"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for len(files) > keepBackups {
		if err := os.Remove(files[0]); err != nil {
			return err
		}
		files = files[1:]
	}
	return nil
}

// catalogueTariff is a tariff document that the program brings along.
func catalogueTariff(name string) (tariffs.Document, error) {
	text, err := catalogue.Read(name)
	if err != nil {
		return tariffs.Document{}, fmt.Errorf("tariff.catalogue: there is no %q; known are: %s", name, strings.Join(catalogue.Names(), ", "))
	}
	doc, faults := config.Decode[tariffs.Document](text)
	return doc, faults.Err()
}
