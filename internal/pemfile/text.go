// PEM that lost its line breaks on the way through a variable.
//
// Read on in format.go.

package pemfile

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/authsession/authsession/internal/textfile"
)

// Text returns the PEM that data is or stands for: PEM in UTF-8, PEM whose line breaks are spaces
// or the two characters \n, percent-encoded PEM, or the base64 of PEM, also twice, as a Secret of
// Kubernetes may have it. Each of these has one reading, as base64 has neither spaces nor
// backslashes nor percent signs. Data of another format, such as DER, is returned as it is.
func Text(data []byte) ([]byte, error) {
	if len(data) > Limit {
		return nil, fmt.Errorf("is larger than %d KiB", Limit>>10)
	}
	if Recognize(data) == (Format{}) {
		text, err := textfile.Text(data)
		switch {
		case err == nil:
			data = text
		case !bytes.Contains(data, []byte(start)): // else a comment is in another encoding
			return nil, err
		}
	}
	if bytes.Contains(data, []byte(encodedStart)) {
		if decoded, err := url.PathUnescape(string(data)); err == nil {
			data = []byte(decoded)
		}
	}
	if !bytes.Contains(data, []byte(start)) {
		decoded, err := decodePEM(data)
		if decoded == nil {
			return data, err
		}
		data = decoded
	}
	if f := Recognize(data); f != (Format{}) && bytes.HasPrefix(data, []byte(start)) {
		return nil, fmt.Errorf("is %w", f) // OpenPGP, which has a line that is not base64
	}
	if isComplete(data) {
		return data, nil
	}
	text := escapes.Replace(string(data))
	if isComplete([]byte(text)) {
		return []byte(text), nil
	}
	return withLineBreaks(text)
}

// decodePEM returns the PEM whose base64, once or twice, data is; nil: it is another text. The
// error is for base64 of text in another encoding.
func decodePEM(data []byte) ([]byte, error) {
	const mostEncodings = 2
	for range mostEncodings {
		decoded, ok := DecodeBase64(data)
		if !ok || Recognize(decoded) != (Format{}) && !bytes.Contains(decoded, []byte(start)) {
			return nil, nil
		}
		if bytes.Contains(decoded, []byte(start)) {
			return decoded, nil
		}
		hasWideStart := bytes.Contains(decoded, []byte("B\x00E\x00G\x00I\x00N"))
		if _, err := textfile.Text(decoded); err != nil && hasWideStart {
			return nil, fmt.Errorf("is base64 of text that %w", err)
		}
		data = decoded
	}
	return nil, nil
}

// DecodeBase64 decodes base64 of either alphabet, with or without padding. White space in it is
// ignored, as are quotes around it and line breaks that are the two characters \n. It reports false
// for other data, and for none.
func DecodeBase64(data []byte) ([]byte, bool) {
	if bytes.Contains(data, []byte(dashes)) { // PEM without spaces is of the URL alphabet
		return nil, false
	}
	text := strings.Trim(strings.TrimSpace(escapes.Replace(string(data))), "\"'`")
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.DecodeString(text)
	return decoded, err == nil && len(decoded) > 0
}

// isComplete reports whether every block that begins is read.
func isComplete(data []byte) bool {
	n := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n == bytes.Count(data, []byte(start))
}

const (
	start        = "-----BEGIN "
	encodedStart = "-----BEGIN%20"
	end          = "-----END "
	dashes       = "-----"
)

// escapes are the forms that a line break has in the text of a program or of JSON.
var escapes = strings.NewReplacer(
	`\r`, "\n", `\n`, "\n", `\u000a`, "\n", `\u000A`, "\n", `\u000d`, "\n", `\u000D`, "\n", `\`, "")

// withLineBreaks returns the blocks of a text whose line breaks are spaces or missing.
func withLineBreaks(text string) ([]byte, error) {
	var out bytes.Buffer
	for {
		_, rest, found := strings.Cut(text, start)
		if !found {
			return out.Bytes(), nil
		}
		label, rest, found := strings.Cut(rest, dashes)
		if !found || strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") != "" {
			return nil, errors.New("the PEM is damaged or cut short: a BEGIN line is not complete")
		}
		body, rest, found := strings.Cut(rest, end+label+dashes)
		if !found || strings.Contains(body, start) {
			return nil, errors.New("the PEM is damaged or cut short: a block has no END line of its kind")
		}
		block, err := withBreaks(label, body)
		if err != nil {
			return nil, err
		}
		out.WriteString(block)
		text = rest
	}
}

// headerPattern are the headers of an encrypted key (RFC 1421 §4.6), with any white space between,
// and the body. No other block has headers.
var headerPattern = regexp.MustCompile(
	`^\s*Proc-Type:\s*(4,\s*ENCRYPTED)\s*DEK-Info:\s*([A-Z0-9-]+,\s*[0-9A-Fa-f]+)\s+([^:]*)$`)

// withBreaks returns one block, with its headers and its body as base64 on lines of their own.
func withBreaks(label, body string) (string, error) {
	headers := ""
	if strings.Contains(body, ":") {
		parts := headerPattern.FindStringSubmatch(body)
		if parts == nil {
			return "", errors.New("the PEM has headers that cannot be read, or has lost its line breaks")
		}
		headers = "Proc-Type: " + parts[1] + "\nDEK-Info: " + parts[2] + "\n\n"
		body = parts[3]
	}
	body = strings.Join(strings.Fields(body), "")
	if _, err := base64.StdEncoding.DecodeString(body); err != nil {
		return "", errors.New("the PEM is damaged or cut short: a block is not base64")
	}
	return start + label + dashes + "\n" + headers + body + "\n" +
		end + label + dashes + "\n", nil
}
