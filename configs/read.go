package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// reader fills a Config from a document and notes everything that does not fit. It walks the document by itself, since a
// library's decoder stops at the first fault and knows neither paths nor cures.
type reader struct {
	dir      string // of the file, where relative paths start
	problems []Problem
	lines    map[string]int // of every path in the document
	anchors  map[string]ast.Node
	plain    int // secrets in plain text
}

// defaulted is an element of a list that has defaults of its own.
type defaulted interface{ setDefaults() }

// parse makes the document a tree; nil when it is empty or when it is no YAML, which is the only problem then.
func (r *reader) parse(text []byte) ast.Node {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // duplicates are reported with all the rest
	if err != nil {
		var syntax yaml.Error
		p := Problem{Path: "(document)", Cure: "is not YAML: " + err.Error()}
		if errors.As(err, &syntax) {
			p.Cure = "is not YAML: " + syntax.GetMessage()
			p.Line = syntax.GetToken().Position.Line
		}
		r.problems = append(r.problems, p)
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.problems = append(r.problems, Problem{Path: "(document)", Line: doc.Body.GetToken().Position.Line,
				Cure: "is a second document in the file; put everything into one, without ---"})
			break
		}
		root = doc.Body
	}
	return root
}

func (r *reader) bad(path string, n ast.Node, value, cure string) {
	if path == "" {
		path = "(document)"
	}
	line := 0
	if n != nil && n.GetToken() != nil {
		line = n.GetToken().Position.Line
	}
	r.problems = append(r.problems, Problem{Path: path, Line: line, Value: value, Cure: cure})
}

// read fills v, which is settable, from a node.
func (r *reader) read(path string, n ast.Node, v reflect.Value) {
	n = r.resolve(path, n)
	if n == nil || n.Type() == ast.NullType {
		return // a key without a value keeps its default
	}
	if _, known := r.lines[path]; !known {
		r.lines[path] = n.GetToken().Position.Line
	}
	if d, ok := v.Addr().Interface().(defaulted); ok {
		d.setDefaults()
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		r.readDuration(path, n, v)
	case v.Type() == reflect.TypeFor[Secret]():
		r.readSecret(path, n, v)
	case v.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		r.readText(path, n, v)
	case v.Kind() == reflect.Struct:
		r.readStruct(path, n, v)
	case v.Kind() == reflect.Map:
		r.readMap(path, n, v)
	case v.Kind() == reflect.Slice:
		r.readList(path, n, v)
	default:
		r.readScalar(path, n, v)
	}
}

// resolve follows anchors, aliases and tags to the node that says something.
func (r *reader) resolve(path string, n ast.Node) ast.Node {
	for range 10 {
		switch t := n.(type) {
		case *ast.AnchorNode:
			r.anchors[t.Name.String()] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := r.anchors[t.Value.String()]
			if !ok {
				r.bad(path, n, "*"+t.Value.String(), "names no anchor above it; write the value itself")
				return nil
			}
			n = target
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	r.bad(path, n, "", "is an alias of an alias of an alias; write the value itself")
	return nil
}

// entries are the keys and values of a mapping; false when the node is none.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch t := n.(type) {
	case *ast.MappingNode:
		return t.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{t}, true
	}
	return nil, false
}

func keyOf(e *ast.MappingValueNode) string { return e.Key.GetToken().Value }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (r *reader) readStruct(path string, n ast.Node, v reflect.Value) {
	all, ok := entries(n)
	if !ok {
		r.bad(path, n, raw(n), "is a single value; write the keys "+strings.Join(keysOf(v.Type()), ", ")+" under it")
		return
	}
	seen := map[string]int{}
	for _, e := range all {
		key := keyOf(e)
		at := join(path, key)
		field, known := fieldOf(v, key)
		switch line := e.Key.GetToken().Position.Line; {
		case !known:
			r.bad(at, e.Key, "", "is an unknown key; "+suggest(key, keysOf(v.Type())))
		case seen[key] > 0:
			r.bad(at, e.Key, "", fmt.Sprintf("stands here for the second time, first in line %d; remove one of the two", seen[key]))
		default:
			seen[key], r.lines[at] = line, line
			r.read(at, e.Value, field)
		}
	}
}

// fieldOf finds the field of a struct by its yaml tag.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag == key && tag != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "-" {
			keys = append(keys, tag)
		}
	}
	return keys
}

func (r *reader) readMap(path string, n ast.Node, v reflect.Value) {
	all, ok := entries(n)
	if !ok {
		r.bad(path, n, raw(n), "is a single value; write one `key: value` a line under it")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]int{}
	for _, e := range all {
		key := keyOf(e)
		at := fmt.Sprintf("%s[%q]", path, key)
		line := e.Key.GetToken().Position.Line
		if seen[key] > 0 {
			r.bad(at, e.Key, "", fmt.Sprintf("stands here for the second time, first in line %d; remove one of the two", seen[key]))
			continue
		}
		seen[key], r.lines[at] = line, line
		value := reflect.New(v.Type().Elem()).Elem()
		r.read(at, e.Value, value)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
	}
}

func (r *reader) readList(path string, n ast.Node, v reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.bad(path, n, raw(n), "is not a list; write [a, b] or one `- a` a line")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, item := range list.Values {
		r.read(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

// raw is a scalar as it is written; empty for anything else.
func raw(n ast.Node) string {
	switch t := n.(type) {
	case *ast.LiteralNode:
		return t.Value.Value
	case ast.ScalarNode:
		return t.GetToken().Value
	}
	return ""
}

// scalar reports whether the node is one value.
func (r *reader) scalar(path string, n ast.Node, want string) (text string, ok bool) {
	if _, ok := n.(ast.ScalarNode); !ok {
		r.bad(path, n, "", "holds more than one value; write "+want)
		return "", false
	}
	return raw(n), true
}

func (r *reader) readDuration(path string, n ast.Node, v reflect.Value) {
	const want = `a duration with its unit, such as "1.5s", "20s" or "10m"`
	text, ok := r.scalar(path, n, want)
	if !ok {
		return
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		r.bad(path, n, text, "is no duration; write "+want)
		return
	}
	v.SetInt(int64(d))
}

func (r *reader) readText(path string, n ast.Node, v reflect.Value) {
	text, ok := r.scalar(path, n, "one value")
	if !ok {
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil || text == "" {
		r.bad(path, n, text, "is no network; write an address and the length of its prefix, such as 192.0.2.0/24 or 2001:db8::1/128")
	}
}

func (r *reader) readScalar(path string, n ast.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if text, ok := r.scalar(path, n, "one text"); ok {
			v.SetString(text) // as it is written: an extension 0123 is not octal
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			r.bad(path, n, raw(n), "is neither yes nor no; write true or false")
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		text, ok := r.scalar(path, n, "a whole number")
		if !ok {
			return
		}
		i, err := strconv.Atoi(text)
		if err != nil {
			r.bad(path, n, text, "is no whole number; write it in digits, such as 200")
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		text, ok := r.scalar(path, n, "a number")
		if !ok {
			return
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			r.bad(path, n, text, "is no number; write it in digits, such as 0.5")
			return
		}
		v.SetFloat(f)
	default:
		panic("configs: no reader for " + v.Type().String()) // a field was added without one; the tests read every field
	}
}
