// Evaluates expressions with expr-lang/expr in the environment that Argo gives them.
//
// A line of standard input is {"expression": …, "environment": {…}}, whose keys may hold dots as
// Argo's variables do; a line of standard output tells the result or the error.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	sprig "github.com/Masterminds/sprig/v3"
	"github.com/doublerebel/bellows"
	"github.com/evilmonkeyinc/jsonpath"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
)

type question struct {
	Expression  string         `json:"expression"`
	Environment map[string]any `json:"environment"`
}

type answer struct {
	Type  string `json:"type,omitempty"`
	JSON  string `json:"json,omitempty"`
	Text  string `json:"text,omitempty"`
	Stage string `json:"stage,omitempty"`
	Error string `json:"error,omitempty"`
}

var functions = sprig.GenericFuncMap()

func environment(given map[string]any) map[string]any {
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	for at := 0; at+1 < len(names); at++ {
		if strings.HasPrefix(names[at+1], names[at]+".") {
			delete(given, names[at])
		}
	}
	found := bellows.Expand(given)
	found["asInt"] = builtin.Int
	found["asFloat"] = builtin.Float
	found["jsonpath"] = func(text string, path string) any {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			panic(err)
		}
		result, err := jsonpath.Query(path, value)
		if err != nil {
			panic(err)
		}
		return result
	}
	found["toJson"] = func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	found["sprig"] = functions
	return found
}

// whole makes integers of what the question writes without a fraction.
func whole(value any) any {
	switch value := value.(type) {
	case json.Number:
		if number, err := value.Int64(); err == nil && !strings.ContainsAny(string(value), ".eE") {
			return int(number)
		}
		number, _ := value.Float64()
		return number
	case map[string]any:
		for key, item := range value {
			value[key] = whole(item)
		}
	case []any:
		for key, item := range value {
			value[key] = whole(item)
		}
	}
	return value
}

func answered(asked question) (found answer) {
	defer func() {
		if reason := recover(); reason != nil {
			found = answer{Stage: "panic", Error: fmt.Sprint(reason)}
		}
	}()
	known := environment(asked.Environment)
	program, err := expr.Compile(asked.Expression, expr.Env(known))
	if err != nil {
		return answer{Stage: "compile", Error: err.Error()}
	}
	result, err := expr.Run(program, known)
	if err != nil {
		return answer{Stage: "run", Error: err.Error()}
	}
	found = answer{Type: fmt.Sprintf("%T", result), Text: fmt.Sprint(result)}
	text, err := json.Marshal(result)
	if err != nil {
		found.Stage, found.Error = "marshal", err.Error()
	}
	found.JSON = string(text)
	return found
}

func main() {
	delete(functions, "env")
	delete(functions, "expandenv")
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		var asked question
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.UseNumber()
		if err := decoder.Decode(&asked); err != nil {
			panic(err)
		}
		for name, value := range asked.Environment {
			asked.Environment[name] = whole(value)
		}
		if asked.Environment == nil {
			asked.Environment = map[string]any{}
		}
		if err := encoder.Encode(answered(asked)); err != nil {
			panic(err)
		}
	}
}
