package sealed_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/sealed"
)

func aKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func TestEveryByteOfASealedFileCounts(t *testing.T) {
	body := []byte("<p>100.00 on 3 March</p>\n")
	file, err := sealed.Seal(body, aKey(1))
	if err != nil {
		t.Fatal(err)
	}
	got, key, err := sealed.Open(file)
	if err != nil || !bytes.Equal(got, body) || key != sealed.Key(aKey(1).Public().(ed25519.PublicKey)) {
		t.Fatalf("%q by %q, %v", got, key, err)
	}
	for i := range file {
		for _, bit := range []byte{1, 0x20} {
			bad := bytes.Clone(file)
			bad[i] ^= bit
			if _, _, err := sealed.Open(bad); err == nil {
				t.Errorf("byte %d (%q) changed by %#x is not seen", i, file[i], bit)
			}
		}
		if _, _, err := sealed.Open(append(bytes.Clone(file[:i]), file[i+1:]...)); err == nil {
			t.Errorf("byte %d left out is not seen", i)
		}
		if _, _, err := sealed.Open(file[:i]); err == nil {
			t.Errorf("cut at %d is not seen", i)
		}
	}
}

func TestFilesThatAreNoneSayWhy(t *testing.T) {
	file, err := sealed.Seal([]byte("a body without a last line end"), aKey(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := sealed.Seal([]byte("another\n"), aKey(2))
	if err != nil {
		t.Fatal(err)
	}
	_, seal, _ := bytes.Cut(other, []byte("\n"))
	for _, c := range []struct{ name, file, want string }{
		{"no such file", "<p>hello</p>", "bears no seal"},
		{"empty", "", "bears no seal"},
		{"another's seal", "a body without a last line end\n" + string(seal), "was changed after it was signed"},
		{"an editor's line behind it", string(file) + "\n", "something stands behind the seal"},
		{"Windows' line ends", strings.ReplaceAll(string(file), "\n", "\r\n"), "something stands behind the seal"},
		{"a damaged seal", strings.Replace(string(file), "key=", "key=!", 1), "damaged"},
		{"a seal in the body", string(other) + string(file[bytes.LastIndex(file, []byte("<!--")):]), "two seals"},
		{"too long", strings.Repeat(" ", sealed.Longest+1), "too long"},
	} {
		if _, _, err := sealed.Open([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := sealed.Seal(file, aKey(1)); err == nil {
		t.Error("a sealed file is sealed again")
	}
}

func FuzzOpen(f *testing.F) {
	file, err := sealed.Seal([]byte("<p>100.00</p>\n"), aKey(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("<!-- keeplit seal 1 key= signature= -->\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, _, err := sealed.Open(data)
		if err == nil && !bytes.HasPrefix(data, body) {
			t.Error("the body is not that of the file")
		}
	})
}
