package present

import (
	"strings"
	"testing"
)

func TestEveryTextSaysSomething(t *testing.T) {
	c, err := Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range c.texts {
		if strings.TrimSpace(v) == "" {
			t.Errorf("text %s is empty", k)
		}
		if one, ok := strings.CutSuffix(k, ".one"); ok && !c.Has(one+".other") {
			t.Errorf("text %s has no .other", k)
		}
	}
}
