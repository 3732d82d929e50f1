package pagecache_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-pagecache/pagecache"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReasonsAreDocumented holds docs/reasons.md to the list: a section for each
// reason, in order, that begins with its sentence and goes on with advice.
func TestReasonsAreDocumented(t *testing.T) {
	var headings []pagecache.Reason
	sections := strings.Split(readDoc(t, "docs/reasons.md"), "\n### ")[1:]
	for _, section := range sections {
		heading, text, _ := strings.Cut(section, "\n")
		why := pagecache.Reason(heading)
		headings = append(headings, why)
		text, _, _ = strings.Cut(text, "\n## ")
		first, advice, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if first != why.Explain() {
			t.Errorf("%s begins with %q, want %q", why, first, why.Explain())
		}
		if n := strings.Count(strings.TrimSpace(advice), "\n") + 1; strings.TrimSpace(advice) == "" || n > 3 {
			t.Errorf("%s: got %d lines of advice, want 1 to 3", why, n)
		}
	}
	if want := pagecache.Reasons(); !slices.Equal(headings, want) {
		t.Errorf("got sections %q, want %q", headings, want)
	}
}

// declared is what the package's source declares.
type declared struct {
	all     []string // top-level names, and Type.Name of methods and fields
	funcs   []string // exported functions that are no methods
	options []string // those that return an Option
}

func parseRoot(t *testing.T) (found declared) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				found.add(decl)
			}
		}
	}
	return found
}

func (e *declared) add(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		switch {
		case d.Recv != nil:
			name = nameOfType(d.Recv.List[0].Type) + "." + name
		case d.Name.IsExported():
			e.funcs = append(e.funcs, name)
			if r := d.Type.Results; r != nil && nameOfType(r.List[0].Type) == "Option" {
				e.options = append(e.options, name)
			}
		}
		e.all = append(e.all, name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			e.addSpec(spec)
		}
	}
}

func (e *declared) addSpec(spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			e.all = append(e.all, name.Name)
		}
	case *ast.TypeSpec:
		e.all = append(e.all, s.Name.Name)
		if fields, ok := s.Type.(*ast.StructType); ok {
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					e.all = append(e.all, s.Name.Name+"."+name.Name)
				}
			}
		}
	}
}

func nameOfType(expr ast.Expr) string {
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if ident, ok := expr.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}

// TestOptionsAreDocumented holds the README's table of options to the package:
// each option has a row, and each row an option.
func TestOptionsAreDocumented(t *testing.T) {
	_, text, _ := strings.Cut(readDoc(t, "README.md"), "\n## Options\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1) {
		rows = append(rows, row[1])
	}
	options := parseRoot(t).options
	slices.Sort(rows)
	slices.Sort(options)
	if !slices.Equal(rows, options) {
		t.Errorf("got rows for %q, want %q", rows, options)
	}
}

// TestFunctionsHaveExamples wants a runnable example for each constructor,
// option and key part.
func TestFunctionsHaveExamples(t *testing.T) {
	files, err := filepath.Glob("example*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		text.WriteString(readDoc(t, file))
	}
	for _, name := range parseRoot(t).funcs {
		if name != "Reasons" && !strings.Contains(text.String(), "func Example"+name+"() {") {
			t.Errorf("%s has no example", name)
		}
	}
}

// TestNamesInDocumentsExist looks for names that the documents use and the
// package does not have.
func TestNamesInDocumentsExist(t *testing.T) {
	names := parseRoot(t).all
	name := regexp.MustCompile("`(?:pagecache\\.)?((?:Policy|Control|Stats|Event|Explanation|Reason|Cache)\\.[A-Z]\\w+)")
	call := regexp.MustCompile("`(?:pagecache\\.)?([A-Z]\\w+)\\(")
	for _, file := range []string{"README.md", "docs/reasons.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} {
		text := readDoc(t, file)
		for _, used := range slices.Concat(name.FindAllStringSubmatch(text, -1), call.FindAllStringSubmatch(text, -1)) {
			if !slices.Contains(names, used[1]) {
				t.Errorf("%s speaks of %s, which is not there", file, used[1])
			}
		}
	}
}

func TestREADMEIsShort(t *testing.T) {
	if n := strings.Count(readDoc(t, "README.md"), "\n"); n > 300 {
		t.Errorf("got %d lines, want at most 300", n)
	}
	if n := strings.Count(readDoc(t, "doc.go"), "\n"); n > 150 {
		t.Errorf("doc.go: got %d lines, want at most 150", n)
	}
}
