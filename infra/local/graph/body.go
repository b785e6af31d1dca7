package graph

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
)

// maxBody is Graph's bound of a request body; it holds for the unpacked body.
const maxBody = 4 << 20

// maxDepth bounds the nesting of a request body.
const maxDepth = 32

var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBody reads the body, unpacked if it is compressed: msgraph-sdk-go compresses every body by default.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var from io.Reader = r.Body
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzip, _ := unzippers.Get().(*gzip.Reader)
		defer unzippers.Put(unzip)
		if err := unzip.Reset(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, bad("The body is not gzip.")
		}
		from = unzip
	default:
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "Request_BadRequest", message: "The content encoding '" + encoding + "' is not supported."}
	}
	limit := int64(maxBody)
	buffer := bytes.NewBuffer(make([]byte, 0, max(min(r.ContentLength, limit), 0)+bytes.MinRead))
	if _, err := buffer.ReadFrom(io.LimitReader(from, limit+1)); err != nil {
		return nil, bad("The body cannot be read.")
	}
	if int64(buffer.Len()) > limit {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: fmt.Sprintf("The body is larger than %d bytes.", maxBody)}
	}
	return buffer.Bytes(), nil
}

// decode reads the JSON body into value.
func (c *call) decode(value any) error {
	if kind := c.request.Header.Get("Content-Type"); kind != "" {
		if name, _, err := mime.ParseMediaType(kind); err != nil || name != "application/json" {
			return &problem{status: http.StatusUnsupportedMediaType, code: "Request_BadRequest", message: "The content type is not application/json."}
		}
	}
	body, err := readBody(c.request)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return bad("The request has no body.")
	}
	if deeperThan(body, maxDepth) {
		return bad(fmt.Sprintf("The body is nested deeper than %d.", maxDepth))
	}
	if err := json.Unmarshal(body, value); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return bad(fmt.Sprintf("The value of '%s' has the wrong type.", wrong.Field))
		}
		return &problem{status: http.StatusBadRequest, code: "BadRequest", message: "Unable to read JSON request payload."}
	}
	return nil
}

// deeperThan counts brackets outside strings.
func deeperThan(body []byte, limit int) bool {
	depth, inString, escaped := 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
