package testservers

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"
)

// SignedIn is what the page of an agent at an address shows under a path to whoever has signed in.
func SignedIn(t testing.TB, address, pin, path string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	signed, err := client.PostForm(address+"/signin", url.Values{"pin": {pin}})
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.Body.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := client.Get(address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	return string(body)
}
