package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/configs"
)

// A walk through the house names files and functions; both must be where it says.
func TestWalksNameWhatExists(t *testing.T) {
	house := declared(t)
	sections := map[string]bool{}
	settings(reflect.TypeFor[configs.Config](), "", sections)
	file := regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+\.[a-z]+$`)
	name := regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*){1,2}$`)
	for _, page := range tracked(t, "docs/walks/*.md", "docs/decisions/*.md", "README.md") {
		for _, word := range words(read(t, page)) {
			word = strings.TrimSuffix(word, "()")
			switch {
			case file.MatchString(word):
				if !exists(word) {
					t.Errorf("%s names the file %s, which is not there", page, word)
				}
			case !name.MatchString(word) || exists(word) || sections[first(word)] && word == strings.ToLower(word):
				// no name of code: a file, or a setting, which has a test of its own
			case house[first(word)] == nil && !strings.HasPrefix(page, "docs/walks/"):
				// of somebody else's code
			case !house.has(word):
				t.Errorf("%s names %s, which is not in the code", page, word)
			}
		}
	}
}

// names are what the code declares: of packages by their last element, and of types, each with what it has.
type names map[string]map[string]bool

func (n names) add(owner, name string) {
	if n[owner] == nil {
		n[owner] = map[string]bool{}
	}
	n[owner][name] = true
}

// has looks up package.Name, Type.Method or package.Type.Method.
func (n names) has(name string) bool {
	parts := strings.Split(name, ".")
	for i := 1; i < len(parts); i++ {
		if !n[parts[i-1]][parts[i]] {
			return false
		}
	}
	return true
}

func first(name string) string {
	before, _, _ := strings.Cut(name, ".")
	return before
}

func declared(t *testing.T) names {
	t.Helper()
	all := names{}
	for _, file := range tracked(t, "*.go") {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata/") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			all.declare(path.Base(path.Dir(file)), d)
		}
	}
	return all
}

func (n names) declare(pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		n.add(pkg, d.Name.Name) // a walk says bridge.Dial for the Dial of the Bridge
		if d.Recv != nil {
			n.add(receiver(d.Recv.List[0].Type), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				n.add(pkg, s.Name.Name)
				n.members(s)
			case *ast.ValueSpec:
				for _, v := range s.Names {
					n.add(pkg, v.Name)
				}
			}
		}
	}
}

// members adds the fields of a struct and the methods of an interface.
func (n names) members(s *ast.TypeSpec) {
	var fields *ast.FieldList
	switch body := s.Type.(type) {
	case *ast.StructType:
		fields = body.Fields
	case *ast.InterfaceType:
		fields = body.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			n.add(s.Name.Name, name.Name)
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
