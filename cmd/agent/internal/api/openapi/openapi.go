// Package openapi has the HTTP API written down as an OpenAPI 3.1 document.  Package
// apitest makes it of the API's own forms, and holds it against them.
package openapi

import _ "embed" // the document

//go:embed openapi.json
var document string

// ProblemType is the media type of a refusal for whoever asks for it (RFC 9457).
const ProblemType = "application/problem+json"

// Document is the API's.
func Document() string { return document }
