package meteringtest

import (
	"runtime/metrics"
	"testing"
)

// Modest fails t where decode allocates out of proportion to the input: a few
// bytes that announce gigabytes must not take them.
func Modest(t *testing.T, input []byte, decode func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	decode()
	metrics.Read(sample)
	// The constant covers what the runtime and the fuzzer do meanwhile.
	if used, most := sample[0].Value.Uint64()-before, uint64(16<<20+400*len(input)); used > most {
		t.Errorf("%d bytes of input made it allocate %d bytes", len(input), used)
	}
}
