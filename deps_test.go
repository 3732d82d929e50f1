package pagecache_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/go-pagecache/pagecache"

// goList runs the go command on this module and returns its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		if os.Getenv("PAGECACHE_NO_SKIPS") != "" {
			t.Fatalf("there is no go command: %v", err)
		}
		t.Skipf("NOT CHECKED, there is no go command: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		var stderr string
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("go list %q: %v: %s", args, err, stderr)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestModulesOfTheRoot pins what a program gets that imports the root package:
// the standard library, parts of this module, the engine of the default store,
// chi, whose route context has to be read, and the breaker in front of a Store.
func TestModulesOfTheRoot(t *testing.T) {
	var modules, own []string
	for _, line := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.Module.Path}} {{.ImportPath}}{{end}}", ".") {
		path, pkg, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		if !slices.Contains(modules, path) {
			modules = append(modules, path)
		}
		if path == module {
			own = append(own, strings.TrimPrefix(pkg, module))
		}
	}
	slices.Sort(modules)
	if want := []string{"github.com/go-chi/chi/v5", module, "github.com/maypok86/otter/v2", "github.com/sony/gobreaker/v2"}; !slices.Equal(modules, want) {
		t.Errorf("got modules %q, want %q", modules, want)
	}
	for _, pkg := range own {
		if pkg != "" && pkg != "/stores/memstore" && !strings.HasPrefix(pkg, "/internal/") {
			t.Errorf("got package %q, want none but internal ones and the default store", pkg)
		}
	}
}

// listed is a package of this module with its production imports, direct and
// indirect.
type listed struct {
	path, name string
	deps       []string
}

func packages(t *testing.T) (list []listed) {
	t.Helper()
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{.Name}} {{join .Deps " "}}`, "./...") {
		words := strings.Fields(line)
		list = append(list, listed{words[0], words[1], words[2:]})
	}
	if len(list) < 5 {
		t.Fatalf("got %d packages, want all of the module", len(list))
	}
	return list
}

// TestNoTestCodeInProduction: testing registers flags and holds much else that
// no server wants. Programs may have flags of their own.
func TestNoTestCodeInProduction(t *testing.T) {
	for _, p := range packages(t) {
		if p.path == module+"/stores/storetest" {
			continue
		}
		if slices.Contains(p.deps, "testing") {
			t.Errorf("%s imports testing", p.path)
		}
		if p.name != "main" && slices.Contains(p.deps, "flag") {
			t.Errorf("%s imports flag", p.path)
		}
	}
}

// TestStoresDoNotImportTheRoot: they satisfy its contracts by their methods, so
// the root can have one of them as its default.
func TestStoresDoNotImportTheRoot(t *testing.T) {
	for _, p := range packages(t) {
		inner := strings.HasPrefix(p.path, module+"/stores/") || strings.HasPrefix(p.path, module+"/internal/")
		if inner && p.path != module+"/stores/storetest" && slices.Contains(p.deps, module) {
			t.Errorf("%s imports the root package", p.path)
		}
	}
}
