// Package worlds has the example worlds within the program: the demo shows them on a machine that
// has nothing but the binary.
package worlds

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS //nolint:gochecknoglobals // embedded files must be

// Files are the worlds, by the name of their file.
func Files() fs.FS { return files }
