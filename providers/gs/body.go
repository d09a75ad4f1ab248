// The bodies of calls and answers.
//
// Read on in errors.go.

package gs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"reflect"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/vmihailenco/msgpack/v5"
)

const (
	jsonType    = "application/json; charset=utf-8"
	msgpackType = "application/x-msgpack"
)

// encode returns the body of a payload and its Content-Type. packed asks for MessagePack.
func encode(payload any, packed bool) ([]byte, string, error) {
	raw, isRaw := payload.([]byte)
	var buf bytes.Buffer
	switch {
	case packed && isRaw:
		return raw, msgpackType, nil
	case isRaw:
		return raw, "application/octet-stream", nil
	case payload == nil && packed:
		return nil, msgpackType, nil
	case payload == nil:
		return nil, jsonType, nil
	case packed:
		e := msgpack.NewEncoder(&buf)
		e.SetCustomStructTag("json")
		e.SetSortMapKeys(true)
		e.UseCompactInts(true)
		if err := e.Encode(payload); err != nil {
			return nil, "", core.Errorf(core.CodeBadConfig,
				"the payload cannot be encoded as MessagePack: %w", err)
		}
		return buf.Bytes(), msgpackType, nil
	}
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(payload); err != nil {
		return nil, "", core.Errorf(core.CodeBadConfig, "the payload cannot be encoded as JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), jsonType, nil
}

// checkOut reports an out that no answer can be decoded into. It is called before anything is sent.
func checkOut(out any) error {
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return core.Errorf(core.CodeBadConfig,
			"the answer cannot be read into a %T: want a pointer that is not nil", out)
	}
	return nil
}

// decode decodes the body of an answer into out, as [Session.Get] says.
func decode(contentType string, body []byte, out any) error {
	if out == nil || len(body) == 0 {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = body
		return nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		if err := json.Unmarshal(body, out); err != nil {
			return core.Errorf(core.CodeUnavailable, "the answer's JSON does not fit: %w", err)
		}
		return nil
	case media == msgpackType || media == "application/msgpack":
		return unpack(body, out)
	}
	switch v := out.(type) {
	case *string:
		*v = string(body)
	case *any:
		*v = body
	default:
		return core.Errorf(core.CodeBadConfig,
			"the answer is of type %q, not JSON or MessagePack: read it into a *[]byte", media)
	}
	return nil
}

// unpack decodes MessagePack, with the json tags of structs.
func unpack(body []byte, out any) (err error) {
	if err := checkPacked(body); err != nil {
		return err
	}
	d := msgpack.NewDecoder(bytes.NewReader(body))
	d.SetCustomStructTag("json")
	d.UseLooseInterfaceDecoding(true)
	defer func() {
		if r := recover(); r != nil {
			err = core.Errorf(core.CodeUnavailable, "the answer's MessagePack cannot be read")
		}
	}()
	if err := d.Decode(out); err != nil {
		return core.Errorf(core.CodeUnavailable, "the answer's MessagePack does not fit: %w", err)
	}
	return nil
}

// msgpackText returns a MessagePack document as JSON, or nothing if body is not MessagePack.
func msgpackText(body []byte) []byte {
	var v any
	if unpack(body, &v) != nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}

// queryOf returns the query of a payload: url.Values, or a value whose JSON is an object. A list
// repeats its key, and null is omitted.
func queryOf(payload any) (string, error) {
	if values, ok := payload.(url.Values); ok {
		return values.Encode(), nil
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return "", core.Errorf(core.CodeBadConfig, "the payload: %w", err)
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return "", core.Errorf(core.CodeBadConfig, "the payload of a query must be an object, not %T",
			payload)
	}
	values := make(url.Values, len(fields))
	for name, field := range fields {
		list, ok := field.([]any)
		if !ok {
			list = []any{field}
		}
		if err := addToQuery(values, name, list); err != nil {
			return "", err
		}
	}
	return values.Encode(), nil
}

// addToQuery adds the values of a list to a query.
func addToQuery(values url.Values, name string, list []any) error {
	for _, v := range list {
		switch v.(type) {
		case nil:
		case string, bool, json.Number:
			values.Add(name, fmt.Sprint(v))
		default:
			return core.Errorf(core.CodeBadConfig,
				"the payload's %q cannot be part of a query: put it in the body", name)
		}
	}
	return nil
}
