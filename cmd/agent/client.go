package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// client talks to a running agent by its API.
type client struct {
	URL string `default:"http://localhost:8080" env:"KEEPLIT_URL" help:"Address of the running agent's page."`
}

// answerLimit bounds what is read of an answer.
const answerLimit = 1 << 20

// call does one request; pin may be empty.  It answers the status and the body.
func (c client) call(ctx context.Context, method, path, pin string, body any) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, payload)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if pin != "" {
		r.Header.Set("Authorization", "Bearer "+pin)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("no agent answers at %s: %w; is it running (agent run), and is --url right?", c.URL, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	return answer.StatusCode, text, err
}

// message is the words of an answer of the API.
func message(body []byte) string {
	var a struct {
		Message string `json:"message"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &a) != nil || a.Message == "" && a.Error.Message == "" {
		return strings.TrimSpace(string(body))
	}
	return a.Message + a.Error.Message
}
