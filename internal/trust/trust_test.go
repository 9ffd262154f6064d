package trust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhomIsTrusted(t *testing.T) {
	if c, err := Config(""); err != nil || c.RootCAs != nil {
		t.Errorf("without a file the system's: %v, %v", c, err)
	}
	none := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := Config(none); err == nil {
		t.Error("a file that is not there is no error")
	}
	if err := os.WriteFile(none, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Config(none); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a file without a certificate: %v", err)
	}
}
