package bound

import (
	"testing"

	"github.com/keeplit/keeplit/optimizer/internal/generate"
)

func TestMain(m *testing.M) { generate.Main(m) }
