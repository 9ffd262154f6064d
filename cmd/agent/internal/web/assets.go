package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets templates
var embedded embed.FS

// assets are the files a page needs, each under an address that holds its
// content's hash, so that a browser may keep it for ever.
type assets struct {
	byName map[string]*asset
	hash   string // over all of them: changes when the page must be loaded anew
}

type asset struct {
	url         string
	contentType string
	plain, zip  []byte
}

// contentTypes are those of the files served; anything else under assets
// (licences, notes) is carried in the binary but has no address of its own kind.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	default:
		return "text/plain; charset=utf-8"
	}
}

func loadAssets() (*assets, error) {
	a := &assets{byName: map[string]*asset{}}
	all := sha256.New()
	err := fs.WalkDir(embedded, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(p)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, "assets/")
		b = lean(name, b)
		sum := sha256.Sum256(b)
		all.Write(sum[:])
		f := &asset{url: "/assets/" + hex.EncodeToString(sum[:6]) + "/" + name, contentType: contentType(name), plain: b}
		if f.zip, err = zipped(b); err != nil {
			return err
		}
		a.byName[name] = f
		return nil
	})
	a.hash = hex.EncodeToString(all.Sum(nil)[:6])
	return a, err
}

// lean takes out of our own style sheet and scripts what only those read who write them: comments
// that have a line of their own, and what lines are moved in by.  Over a slow link it is a second of
// waiting; what others have written is served as it is.
func lean(name string, b []byte) []byte {
	kind := path.Ext(name)
	if strings.Contains(name, "/") || kind != ".css" && kind != ".js" {
		return b
	}
	var out bytes.Buffer
	within := false // a comment of several lines
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if kind == ".css" && strings.HasPrefix(line, "/*") {
			within = true
		}
		switch {
		case within:
			within = !strings.HasSuffix(line, "*/")
		case line == "", kind == ".js" && strings.HasPrefix(line, "//"):
		default:
			out.WriteString(line + "\n")
		}
	}
	return out.Bytes()
}

func zipped(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// url is the address of an asset, for templates.
func (a *assets) url(name string) (string, error) {
	f, ok := a.byName[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return f.url, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.byName[r.PathValue("name")]
	if !ok || f.url != r.URL.Path {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.zip
	}
	writeBody(w, r, body)
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.ReplaceAll(params, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
