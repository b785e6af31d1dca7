package sql

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/store/memory/rawjson"
)

const sample = `{"id":"a","n":5,"text":"Hällo","flag":true,"none":null,"list":[1,"two",{"k":"v","m":2},null],"deep":{"er":{"est":1}},"value":7,"order":"x",
	"stages":[{"r":"x","o":1},{"r":"y","o":2}]}`

// rows is everything that a query answers over some documents.
func rows(t *testing.T, text string, parameters Parameters, documents ...string) []string {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	values := make([]rawjson.Value, len(documents))
	for i, d := range documents {
		values[i] = rawjson.Of([]byte(d))
	}
	found := []string{}
	if !q.Streams() {
		all, err := q.Execute(slices.Values(values), parameters)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, v := range all {
			found = append(found, string(v))
		}
		return found
	}
	for _, v := range values {
		if err := q.Rows(v, parameters, func(row rawjson.Value) { found = append(found, string(row)) }); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return found
}

func TestExpressions(t *testing.T) {
	parameters := Parameters{"@five": rawjson.Value("5"), "@list": rawjson.Value(`["a","b"]`)}
	for expression, want := range map[string]string{ // empty: undefined
		`c.n = 5`:                               `true`,
		`c.n = @five`:                           `true`,
		`c.n = @none`:                           ``,
		`c.n != 5`:                              `false`,
		`c.n <> 4`:                              `true`,
		`c.n = '5'`:                             ``,
		`c.n != '5'`:                            ``,
		`NOT (c.n = '5')`:                       ``,
		`c.absent = 1`:                          ``,
		`NOT c.absent = 1`:                      ``,
		`c.absent = 1 OR true`:                  `true`,
		`c.absent = 1 OR false`:                 ``,
		`c.absent = 1 AND false`:                `false`,
		`c.absent = 1 AND true`:                 ``,
		`c.none = null`:                         `true`,
		`c.absent = null`:                       ``,
		`c.flag AND NOT false`:                  `true`,
		`c.n > 4 AND c.n <= 5.0`:                `true`,
		`c.text < 'I'`:                          `true`,
		`c.n IN (1, 5)`:                         `true`,
		`c.n NOT IN (1, 2)`:                     `true`,
		`c.n IN ('5')`:                          ``,
		`c.n BETWEEN 5 AND 6`:                   `true`,
		`c.n NOT BETWEEN 5 AND 6`:               `false`,
		`c["n"]`:                                `5`,
		`c['deep'].er["est"]`:                   `1`,
		`c.list[1]`:                             `"two"`,
		`c.list[9]`:                             ``,
		`c.value`:                               `7`,
		`c.order`:                               `"x"`,
		`1 + 2 * 3 - 4 / 2`:                     `5`,
		`-c.n % 3`:                              `-2`,
		`1 / 0`:                                 ``,
		`'a' || "b"`:                            `"ab"`,
		`c.absent ?? 'x'`:                       `"x"`,
		`"it's" = 'it\'s'`:                      `true`,
		`'\u00e4\n"'`:                           `"ä\n\""`,
		`CONTAINS(c.text, 'äl')`:                `true`,
		`contains(c.text, 'HÄL', true)`:         `true`,
		`CONTAINS(c.n, 'x')`:                    ``,
		`STARTSWITH(c.text, 'hä', true)`:        `true`,
		`ENDSWITH(c.text, 'x')`:                 `false`,
		`STRINGEQUALS(c.text, 'HÄLLO', true)`:   `true`,
		`StringEquals(c.text, 'HÄLLO')`:         `false`,
		`IS_DEFINED(c.absent)`:                  `false`,
		`IS_NULL(c.none)`:                       `true`,
		`IS_NULL(c.absent)`:                     `false`,
		`IS_STRING(c.text) AND IS_NUMBER(c.n)`:  `true`,
		`IS_BOOL(c.flag) AND IS_ARRAY(c.list)`:  `true`,
		`IS_OBJECT(c.deep)`:                     `true`,
		`ARRAY_CONTAINS(c.list, 'two')`:         `true`,
		`ARRAY_CONTAINS(@list, 'b')`:            `true`,
		`ARRAY_CONTAINS(c.list, {"k":"v"})`:     `false`,
		`ARRAY_CONTAINS(c.list, {k:'v'}, true)`: `true`,
		`ARRAY_LENGTH(c.list)`:                  `4`,
		`LOWER('ÄB') = 'äb' AND UPPER('b')='B'`: `true`,
		`LENGTH(c.text)`:                        `5`,
		`c.text LIKE 'H_l%'`:                    `true`,
		`{"a": c.n, b: [1, c.absent, 'x']}`:     `{"a":5,"b":[1,"x"]}`,
		`c.deep = {"er":{"est":1}}`:             `true`,
		`EXISTS(SELECT VALUE s FROM s IN c.stages WHERE s.r = 'y' AND s.o = 2)`: `true`,
		`EXISTS(SELECT VALUE s FROM s IN c.stages WHERE s.r = 'y' AND s.o = 1)`: `false`,
		`EXISTS(SELECT VALUE s FROM s IN c.absent)`:                             `false`,
		`EXISTS(SELECT VALUE s FROM s IN c.text)`:                               `false`,
		`ARRAY(SELECT VALUE s.o FROM s IN c.stages)`:                            `[1,2]`,
		`(SELECT VALUE COUNT(1) FROM s IN c.stages)`:                            `2`,
	} {
		got := rows(t, "SELECT VALUE "+expression+" FROM c", parameters, sample)
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
}

func TestQueries(t *testing.T) {
	documents := []string{`{"id":"a","n":2,"g":"x"}`, `{"id":"b","n":1,"g":"y","l":[1,2]}`, `{"id":"c","g":"x","l":[3]}`, `{"id":"d","n":"1","g":"x"}`}
	for query, want := range map[string][]string{
		`SELECT VALUE c.id FROM c`:                                                            {`"a"`, `"b"`, `"c"`, `"d"`},
		`select value x.id from root as x where x.n >= 1`:                                     {`"a"`, `"b"`},
		`SELECT c.id, c.n AS number, 1 FROM c WHERE c.id = 'c'`:                               {`{"id":"c","$3":1}`},
		`SELECT * FROM c WHERE c.n = 2`:                                                       {documents[0]},
		`SELECT VALUE c.id FROM c ORDER BY c.n, c.id DESC`:                                    {`"c"`, `"b"`, `"a"`, `"d"`},
		`SELECT VALUE c.id FROM c ORDER BY c.id DESC OFFSET 1 LIMIT 2`:                        {`"c"`, `"b"`},
		`SELECT TOP 2 VALUE c.id FROM c`:                                                      {`"a"`, `"b"`},
		`SELECT DISTINCT VALUE c.g FROM c`:                                                    {`"x"`, `"y"`},
		`SELECT VALUE COUNT(1) FROM c`:                                                        {`4`},
		`SELECT VALUE COUNT(c.n) FROM c`:                                                      {`3`},
		`SELECT COUNT(1) AS n, MAX(c.id) AS last, MIN(c.id) AS first FROM c WHERE c.g = 'x'`:  {`{"n":3,"last":"d","first":"a"}`},
		`SELECT VALUE SUM(c.n) FROM c`:                                                        {},
		`SELECT VALUE AVG(c.n) FROM c WHERE IS_NUMBER(c.n)`:                                   {`1.5`},
		`SELECT c.id, l FROM c JOIN l IN c.l`:                                                 {`{"id":"b","l":1}`, `{"id":"b","l":2}`, `{"id":"c","l":3}`},
		`SELECT VALUE l FROM l IN c.l WHERE l > 1`:                                            {`2`, `3`},
		"SELECT VALUE c.id -- a comment\nFROM c WHERE c.id = \"a\"":                           {`"a"`},
		`SELECT VALUE c.id FROM c WHERE NOT EXISTS(SELECT VALUE l FROM l IN c.l WHERE l = 2)`: {`"a"`, `"c"`, `"d"`},
	} {
		if got := rows(t, query, nil, documents...); !slices.Equal(got, want) {
			t.Errorf("%s\nanswers %q\nwant    %q", query, got, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, text := range []string{
		``, `SELECT`, `SELECT * FROM`, `SELECT * FROM c WHERE`, `SELECT * FROM c WHERE c.`, `SELECT * FROM c WHERE c.a = `, `SELECT * FROM c c2 c3`,
		`SELECT * FROM c WHERE 'x`, `SELECT * FROM c WHERE c.a = 1)`, `DELETE FROM c`, `SELECT * FROM c WHERE NOSUCH(c.a)`, `SELECT * FROM c WHERE CONTAINS(c.a)`,
		`SELECT * FROM c GROUP BY c.a`, `SELECT * FROM c WHERE COUNT(1) > 1`, `SELECT * FROM c; DROP`, `SELECT @ FROM c`, `SELECT * FROM c WHERE c.a IN ()`,
		`SELECT * FROM c WHERE ` + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), `SELECT * FROM c WHERE ` + strings.Repeat("NOT ", 200) + "true",
		`SELECT * FROM c WHERE ` + strings.Repeat("-", 300) + "1", "SELECT \xff FROM c", `SELECT * FROM c JOIN d`, `SELECT * FROM c WHERE '\q'`,
		`SELECT ` + strings.Repeat("[", 200), strings.Repeat("x", MaxQueryBytes+1),
	} {
		if _, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	// Wide is not deep.
	if _, err := Parse("SELECT * FROM c WHERE c.a = 1" + strings.Repeat(" OR c.a = 2", 2000)); err != nil {
		t.Errorf("a wide query: %v", err)
	}
}

// TestLimits: what nests multiplies, and ends.
func TestLimits(t *testing.T) {
	nested := "1"
	for range 30 {
		nested = "ARRAY(SELECT VALUE " + nested + " FROM s IN c.list)"
	}
	between := "c.n"
	for range 20 {
		between = "(" + between + " BETWEEN 1 AND 9)"
	}
	for text, want := range map[string]error{
		"SELECT VALUE " + nested + " FROM c":                                         ErrSyntax,
		"SELECT * FROM c JOIN x IN c.list" + strings.Repeat(" JOIN x IN c.list", 20): ErrSyntax,
		"SELECT VALUE " + between + " FROM c":                                        nil,
	} {
		q, err := Parse(text)
		if err == nil {
			err = q.Rows(rawjson.Of([]byte(sample)), nil, func(rawjson.Value) {})
		}
		if !errors.Is(err, want) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

func TestConstraints(t *testing.T) {
	q, err := Parse(`SELECT * FROM c WHERE c.kind = @k AND c.dueAt <= 'x' AND (c.id = 'y' OR true) AND c.body.id = 'z' AND c["id"] IN ('p', @k) AND d.id = 'q'`)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s", q.Constraints(Parameters{"@k": rawjson.Value(`"kind"`)}))
	if want := `[{kind = ["kind"]} {dueAt <= ["x"]} {id in ["p" "kind"]}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPlan(t *testing.T) {
	q, err := Parse(`SELECT TOP 3 c.id AS name, c.n FROM c WHERE c.n > 1 OR true ORDER BY c.n DESC, c.id`)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := q.Plan(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `SELECT c._rid, [{"item": c.n}, {"item": c.id}] AS orderByItems, {"name": c.id, "n": c.n} AS payload FROM c WHERE (c.n > 1 OR true) AND ({documentdb-formattableorderbyquery-filter}) ORDER BY c.n DESC, c.id ASC`
	if plan.QueryInfo.RewrittenQuery != want {
		t.Errorf("got  %s\nwant %s", plan.QueryInfo.RewrittenQuery, want)
	}
	if *plan.QueryInfo.Top != 3 || !slices.Equal(plan.QueryInfo.OrderBy, []string{"Descending", "Ascending"}) {
		t.Errorf("%+v", plan.QueryInfo)
	}
	if _, err := Parse(strings.Replace(want, "{documentdb-formattableorderbyquery-filter}", "true", 1)); err != nil {
		t.Errorf("the rewritten query: %v", err)
	}
}

// FuzzParse: no text makes the parser or the evaluator panic, and whatever a query answers is JSON.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`SELECT * FROM c`, `SELECT c.id, c.n+1 AS m FROM c WHERE c.text LIKE '%l%' ORDER BY c.n DESC OFFSET 1 LIMIT @five`, `SELECT DISTINCT TOP 1 VALUE {"a":[c.n]} FROM c JOIN l IN c.list`,
		`SELECT VALUE COUNT(1) FROM s IN c.stages WHERE EXISTS(SELECT VALUE x FROM x IN s WHERE x = s["r"])`, `SELECT VALUE (SELECT MAX(l) FROM l IN c.list) FROM c`, `SELECT '\u00e4"'`,
		`SELECT * FROM c WHERE NOT (c.a IN (1,"x") OR c.b BETWEEN 1 AND 2) AND ARRAY_CONTAINS(c.list, {k:'v'}, true)`,
	} {
		f.Add(text)
	}
	document := rawjson.Of([]byte(sample))
	parameters := Parameters{"@five": rawjson.Value("5")}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		q, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Fatalf("%v", err)
			}
			return
		}
		check := func(v rawjson.Value) {
			if !json.Valid(v) {
				t.Fatalf("%q answers %q", text, v)
			}
		}
		q.Constraints(parameters)
		if plan, err := q.Plan(parameters); err == nil && plan.QueryInfo.RewrittenQuery != "" {
			rewritten := strings.Replace(plan.QueryInfo.RewrittenQuery, "{documentdb-formattableorderbyquery-filter}", "true", 1)
			if _, err := Parse(rewritten); err != nil {
				t.Fatalf("%q is rewritten to %q: %v", text, rewritten, err)
			}
		}
		if q.Streams() {
			if err := q.Rows(document, parameters, check); err != nil && !errors.Is(err, ErrSyntax) {
				t.Fatalf("%v", err)
			}
			return
		}
		all, err := q.Execute(slices.Values([]rawjson.Value{document, document}), parameters)
		if err != nil && !errors.Is(err, ErrSyntax) {
			t.Fatalf("%v", err)
		}
		for _, v := range all {
			check(v)
		}
	})
}
