package members_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/internal/members"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	for body, want := range map[string]error{
		`{"a":1}`:          nil,
		"\ufeff {\"a\":1}": nil,
		" \ufeff{}":        nil,
		``:                 members.ErrEmpty,
		"\ufeff \n":        members.ErrEmpty,
		`null`:             members.ErrNotObject,
		`[{}]`:             members.ErrNotObject,
		`"{}"`:             members.ErrNotObject,
		`{"a":1`:           members.ErrInvalid,
		`{"a":1}{}`:        members.ErrInvalid,
		`<html>`:           members.ErrInvalid,
		`error=x`:          members.ErrInvalid,
	} {
		object, err := members.Read([]byte(body))
		if want == nil {
			require.NoError(t, err, body)
			require.NotNil(t, object, body)
			continue
		}
		require.ErrorIs(t, err, want, body)
	}
}

func TestReadAnswer(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"e"}`:             "e",
		"\ufeff{\"error\":\"e\"}":   "e",
		`error=e&error_uri=x`:       "e",
		"\ufefferror=e":             "e",
		"error=e\r\n":               "e",
		`access_token=a&scope=b%2C`: "",
	} {
		object, err := members.ReadAnswer([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, object.Text("error"), body)
	}
	for _, body := range []string{``, `{`, `<p>error=e</p>`, `an error=e`, "x\nerror=e", `error`, `5`,
		`error=%zz`} {
		object, err := members.ReadAnswer([]byte(body))
		if body == "error" {
			require.NoError(t, err, "a form whose error has no text")
			continue
		}
		require.Error(t, err, body)
		require.Nil(t, object)
	}
}

// TestMembers checks that a member of another type is absent, and fails nothing else.
func TestMembers(t *testing.T) {
	object, err := members.Read([]byte(`{"text":"t","number":1.5,"digits":"7","big":1e999,"yes":true,
		"no":"True","list":["a",1,null,["b"],"c"],"object":{"x":{"y":"z"}},"null":null,"Text":"other"}`))
	require.NoError(t, err)
	for name := range object {
		for _, call := range []func(){
			func() { object.Text(name) }, func() { object.Number(name) }, func() { object.Bool(name) },
			func() { object.List(name) }, func() { object.Raw(name) }, func() { object.Object(name) },
		} {
			require.NotPanics(t, call, name)
		}
	}
	require.Equal(t, "t", object.Text("text"))
	require.Empty(t, object.Text("number")+object.Text("list")+object.Text("null")+object.Text("none"))
	require.Equal(t, []string{"1.5", "7", "1e999", ""}, []string{object.Number("number"),
		object.Number("digits"), object.Number("big"), object.Number("yes")})
	require.True(t, object.Bool("yes"))
	require.True(t, object.Bool("no"), "servers write booleans as strings")
	require.False(t, object.Bool("text"))
	require.Equal(t, []string{"a", "c"}, object.List("list"))
	require.Equal(t, []string{"t"}, object.List("text"))
	require.Nil(t, object.List("object"))
	require.Len(t, object.Raw("list"), 5)
	require.Equal(t, "z", object.Object("object").Object("x").Text("y"))
	require.Nil(t, object.Object("text").Object("x"))
	require.True(t, object.Has("no") && !object.Has("null") && !object.Has("none"))
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":["b"]}`, `error=a&b=c`, "\ufeff{}", `{"a":`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := members.ReadAnswer(body)
		require.Equal(t, err == nil, object != nil)
		for name, raw := range object {
			require.True(t, json.Valid(raw))
			object.Text(name)
			object.Number(name)
			object.List(name)
			object.Object(name)
		}
	})
}

func TestFind(t *testing.T) {
	object, err := members.Read([]byte(`{"a":{"b":"1","c.d":{"e":"2"}},"a.b.c":"3",
		"list":[{"token":"4"},"5"],"text":"6"}`))
	require.NoError(t, err)
	for path, want := range map[string]string{
		"a.b": "1", "a.c.d": "", "a.b.c": "3", "list.0.token": "4", "list.1": "5", "text": "6",
		"list.2": "", "list.x": "", "text.a": "", "none.a.b": "", "a": "",
	} {
		in, name := object.Find(path)
		require.Equal(t, want, in.Text(name), path)
	}
	for path, want := range map[string]bool{
		"a": true, "a.b": true, "a b.c": true, "": false, ".": false, "a.": false, ".a": false,
		"a..b": false, " a": false, "a\n": false, "ä": false,
	} {
		require.Equal(t, want, members.IsPath(path), path)
	}
}

// TestFault proves that what a text has besides or instead of one object is named.
func TestFault(t *testing.T) {
	object := "{\n \"a\": {\n\"b\": 1}\n}\n"
	for text, want := range map[string]string{
		"": "", " \n": "", object: "", "\ufeff" + object: "", `"text"`: "", "5": "", "null": "",
		"tok": "", "tok\nen": "", "a {b}": "", "{": "begins as JSON and is not JSON, or is cut short",
		"{a}": "begins as JSON", "[1,": "begins as JSON", `[{"a":1}]`: "is a list, not an object",
		object + object: "is more than one JSON document", object + "[1]": "is more than one JSON document",
		object + "x": "has text after its JSON", "[1] x": "has text after its JSON",
		"x\n" + object: "has text before its JSON", "x\r\ny\n" + object + "z": "has text before its JSON",
		"x\n{y\n" + object: "has text before its JSON", "x\n{y\n": "",
		"<html>": "is HTML or XML", " <?xml version": "is HTML or XML",
		"\x1b[1m" + object: "has colours of a terminal in it", "tok\x1b[0m": "has colours of a terminal",
	} {
		got := members.Fault([]byte(text))
		require.Equal(t, want == "", got == "", "%q: %s", text, got)
		require.Contains(t, got, want, "%q", text)
	}
	began := time.Now()
	members.Fault([]byte("x" + strings.Repeat("\n{", 1<<19)))
	members.Fault([]byte("x" + strings.Repeat("\n{\"a\":\"b\"", 1<<16)))
	require.Less(t, time.Since(began), time.Second)
}
