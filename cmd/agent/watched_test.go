package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Progress is for who looks: a log or a pipe is spared a line for each step.
func TestNobodyLooksAtAFileOrAPipe(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if watched(&bytes.Buffer{}) || watched(file) || watched(w) || watched(null) {
		t.Error("somebody looks at it")
	}
}
