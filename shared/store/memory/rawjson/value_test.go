package rawjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// decode reads a value by walking it, which must come to what encoding/json makes of it.
func decode(v Value) any {
	switch v.Kind() {
	case Null:
		return nil
	case Bool:
		return v.Bool()
	case Number:
		return v.Number()
	case String:
		return v.Text()
	case Array:
		list := []any{}
		v.Elements(func(e Value) bool { list = append(list, decode(e)); return true })
		return list
	case Object:
		object := map[string]any{}
		v.Members(func(key []byte, m Value) bool { object[Unquote(key)] = decode(m); return true })
		return object
	default:
		return "undefined"
	}
}

func FuzzValue(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,null,{"c":"x\"y\\"}],"":"\u00e4\ud83d\ude00"}`, ` [ 1 , -2.5e3 , "" , [ ] , { } ] `, `"\\\\\""`, `{"a\\":"\\","b":"]}"}`, "\"\xff\"", `{"a" : {"b" :`, `[1,`, `{"`, `"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := Of([]byte(text))
		got := decode(v) // must end, whatever the text
		Equal(v, v)
		if !json.Valid([]byte(text)) {
			return
		}
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			return // a number beyond float64
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads as %#v, want %#v", text, got, want)
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, `"`) && !Equal(v, Of(again)) {
			t.Fatalf("%q is not equal to %q", text, again)
		}
	})
}

func TestAt(t *testing.T) {
	v := Of([]byte(`{"a":{"b\"c":[{"d":"x"}]},"e":1}`))
	if got := string(v.At([]string{"a", `b"c`})); got != `[{"d":"x"}]` {
		t.Errorf("got %s", got)
	}
	for _, path := range [][]string{{"x"}, {"e", "f"}, {"a", `b"c`, "d"}} {
		if got := v.At(path); got != nil {
			t.Errorf("%q leads to %s", path, got)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`1`, `1.0`, true}, {`"a"`, `"\u0061"`, true}, {`{"a":1,"b":2}`, `{"b":2,"a":1}`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`[1,2]`, `[2,1]`, false},
		{`1`, `"1"`, false}, {`null`, `null`, true}, {`{}`, `[]`, false}, {`{"a":1,"b":2}`, `{"a":1}`, false},
	} {
		if Equal(Value(c.a), Value(c.b)) != c.same {
			t.Errorf("%s and %s: want %t", c.a, c.b, c.same)
		}
	}
}
