package described

import (
	"testing"

	"github.com/keeplit/keeplit/internal/form/formtest"
)

func TestTheStoredStateChangesOnlyWithItsNumber(t *testing.T) {
	read := func(data []byte) (any, error) {
		var s State
		err := stateForm().Read(data, &s)
		return &s, err
	}
	var full State
	formtest.Fill(&full)
	full.Version = stateForm().Version()
	formtest.Guard(t, formtest.Form{Name: "state", Version: full.Version, Full: &full, Read: read})
}
