package httpswitch

import (
	"crypto/md5" //nolint:gosec // RFC 7616 has it, and devices ask for it
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
)

// auth signs requests: with a token, or as the device asks for it, HTTP Basic (RFC 7617)
// or Digest (RFC 7616).  A device that asks for nothing is given nothing.
type auth struct {
	user, password, token string

	mu    sync.Mutex
	asked *challenge // what it asked for last; nil: nothing so far
	used  uint32     // requests under that
}

// challenge is a device's WWW-Authenticate.
type challenge struct {
	basic                           bool
	realm, nonce, opaque, algorithm string
	auth                            bool // qop has auth
}

// do sends a request that make makes, and once more where the device asks who is there.
func (a *auth) do(c *http.Client, make func() (*http.Request, error)) (*http.Response, error) {
	q, err := make()
	if err != nil {
		return nil, err
	}
	if a.token != "" {
		q.Header.Set("Authorization", "Bearer "+a.token)
		return c.Do(q)
	}
	if err := a.sign(q); err != nil {
		return nil, err
	}
	answer, err := c.Do(q)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || a.user == "" {
		return answer, err
	}
	asked, ok := parseChallenges(answer.Header.Values("Www-Authenticate"))
	if !ok || asked.basic && a.has(asked) { // it has refused just that
		return answer, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection serves again
	_ = answer.Body.Close()
	a.mu.Lock()
	a.asked, a.used = &asked, 0
	a.mu.Unlock()
	if q, err = make(); err != nil {
		return nil, err
	}
	if err := a.sign(q); err != nil {
		return nil, err
	}
	return c.Do(q)
}

func (a *auth) has(c challenge) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked != nil && *a.asked == c
}

// sign gives a request its proof, by what was asked for last.
func (a *auth) sign(q *http.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked == nil || a.user == "" {
		return nil
	}
	if a.asked.basic {
		q.SetBasicAuth(a.user, a.password)
		return nil
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	a.used++
	text, err := a.asked.answer(a.user, a.password, q.Method, q.URL.RequestURI(), hex.EncodeToString(random[:]), a.used)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", text)
	return nil
}

// answer is the header that answers a challenge of Digest.
func (c challenge) answer(user, password, method, uri, cnonce string, count uint32) (string, error) {
	name, session := strings.CutSuffix(strings.ToUpper(c.algorithm), "-SESS")
	var makes func() hash.Hash
	switch name {
	case "", "MD5":
		makes = md5.New
	case "SHA-256":
		makes = sha256.New
	default:
		return "", fmt.Errorf("it asks for Digest by %q, which is not known", c.algorithm)
	}
	h := func(parts ...string) string {
		sum := makes()
		_, _ = io.WriteString(sum, strings.Join(parts, ":")) // a hash never fails
		return hex.EncodeToString(sum.Sum(nil))
	}
	ha1 := h(user, c.realm, password)
	if session {
		ha1 = h(ha1, c.nonce, cnonce)
	}
	ha2 := h(method, uri)
	quoted := func(key, v string) string {
		return fmt.Sprintf(`%s="%s"`, key, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v))
	}
	out := []string{quoted("username", user), quoted("realm", c.realm), quoted("nonce", c.nonce), quoted("uri", uri)}
	if c.auth {
		nc := fmt.Sprintf("%08x", count)
		out = append(out, "qop=auth", "nc="+nc, quoted("cnonce", cnonce), quoted("response", h(ha1, c.nonce, nc, cnonce, "auth", ha2)))
	} else {
		out = append(out, quoted("response", h(ha1, c.nonce, ha2)))
	}
	if c.algorithm != "" {
		out = append(out, "algorithm="+c.algorithm)
	}
	if c.opaque != "" {
		out = append(out, quoted("opaque", c.opaque))
	}
	return "Digest " + strings.Join(out, ", "), nil
}

// parseChallenges is the strongest of what a device asks for that is known: Digest by
// SHA-256, by MD5, Basic.
func parseChallenges(headers []string) (best challenge, ok bool) {
	rank := 0
	for _, text := range headers {
		c, err := parseChallenge(text)
		if err != nil {
			continue
		}
		r := 2
		switch {
		case c.basic:
			r = 1
		case strings.HasPrefix(strings.ToUpper(c.algorithm), "SHA-256"):
			r = 3
		}
		if r > rank {
			best, rank = c, r
		}
	}
	return best, rank > 0
}

func parseChallenge(text string) (c challenge, err error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch strings.ToLower(scheme) {
	case "basic":
		return challenge{basic: true}, nil
	case "digest":
	default:
		return c, errors.New("not known")
	}
	for rest = strings.TrimLeft(rest, " ,"); rest != ""; rest = strings.TrimLeft(rest, " ,") {
		key, after, found := strings.Cut(rest, "=")
		if !found {
			break
		}
		v := ""
		if after = strings.TrimLeft(after, " "); strings.HasPrefix(after, `"`) {
			end := 1
			for end < len(after) && after[end] != '"' {
				if after[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(after) {
				return c, errors.New("a quote is not closed")
			}
			v, rest = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(after[1:end]), after[end+1:]
		} else {
			v, rest, _ = strings.Cut(after, ",")
			v = strings.TrimSpace(v)
		}
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "realm":
			c.realm = v
		case "nonce":
			c.nonce = v
		case "opaque":
			c.opaque = v
		case "algorithm":
			c.algorithm = v
		case "qop":
			for _, q := range strings.Split(v, ",") {
				c.auth = c.auth || strings.EqualFold(strings.TrimSpace(q), "auth")
			}
		}
	}
	if c.nonce == "" {
		return c, errors.New("there is no nonce")
	}
	return c, nil
}
