package metering

import (
	"math"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
)

// A register that is told in Wh and taken for kWh is soon beyond what can be counted; it
// would stand still there, and nobody would be told.
func TestARegisterBeyondWhatCanBeCountedIsAnError(t *testing.T) {
	for name, s := range map[string]Sample{
		"import": {Has: HasImport, Import: 2_250_000 * units.KilowattHour},
		"a sum":  {Has: HasImport, Import: math.MaxInt64},
		"export": {Has: HasExport, Export: math.MaxInt64},
	} {
		err := s.Sane("read it")
		if good := name == "import"; good != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "scale") {
			t.Errorf("%s: what to do is not said: %v", name, err)
		}
	}
}
