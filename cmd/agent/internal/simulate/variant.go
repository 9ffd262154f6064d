package simulate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// Variant is the same world with another tariff, or with people who buy otherwise.
type Variant struct {
	Name   string        `yaml:"name"`   // short, as it is asked for
	Title  string        `yaml:"title"`  // what differs
	Tariff config.Tariff `yaml:"tariff"` // the world's where it is left out
	TopUps []TopUp       `yaml:"top_up"` // the world's where it is left out
}

// As is the world in one of its variants.
func (w World) As(name string) (World, error) {
	var have []string
	for _, v := range w.Variants {
		if v.Name == name {
			return w.with(v), nil
		}
		have = append(have, v.Name)
	}
	if len(have) == 0 {
		return w, fmt.Errorf("variant %q: the world has none", name)
	}
	return w, fmt.Errorf("variant %q: the world has %s", name, strings.Join(have, ", "))
}

func (w World) with(v Variant) World {
	w.Variants, w.Variant, w.About = nil, v.Title, "" // which tells of the world as it is written
	if v.Tariff != (config.Tariff{}) {
		w.Tariff = v.Tariff
	}
	if v.TopUps != nil {
		w.TopUps = v.TopUps
	}
	return w
}

// checkVariants names what is wrong with the variants, where the world is right.
func (w *World) checkVariants(l *fault.List) {
	word := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	seen := map[string]bool{}
	for i, v := range w.Variants {
		at := fmt.Sprintf("variants[%d]", i)
		switch {
		case !word.MatchString(v.Name):
			l.Add(at+".name", "write a word of small letters, digits and hyphens", "%q names no variant", v.Name)
		case seen[v.Name]:
			l.Add(at+".name", "write another name", "%q is there twice", v.Name)
		}
		seen[v.Name] = true
		if v.Tariff == (config.Tariff{}) && v.TopUps == nil {
			l.Add(at, "write a tariff or top_up", "it does not differ from the world")
			continue
		}
		as := w.with(v)
		for _, f := range as.Check() {
			part, _, _ := strings.Cut(f.Path, ".")
			part, _, _ = strings.Cut(part, "[")
			if part == "tariff" && v.Tariff != (config.Tariff{}) || part == "top_up" && v.TopUps != nil ||
				!slices.Contains(*l, f) && part != "tariff" && part != "top_up" {
				l.Under(at, fault.List{f})
			}
		}
	}
}
