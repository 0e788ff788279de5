package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms says which rooms of ours each room may import: downwards only, and leaves nothing. A room ending in /* stands
// for all below it. Tests may import what they need.
func rooms() map[string][]string {
	return map[string][]string{
		"cmd/postie": {"cmd/postie/internal/*", "pop3", "pop3/retrieve", "imap", "imap/plan", "imap/base", "imap/mirror", "imap/naming", "imap/push", "imap/restore",
			"maildir", "maildir/watch", "maildir/message", "maildir/source", "maildir/verify", "maildir/index", "maildir/index/query"},
		"cmd/postie/internal/agenda":     nil,
		"cmd/postie/internal/answer":     nil,
		"cmd/postie/internal/config":     {"cmd/postie/internal/near"},
		"cmd/postie/internal/connect":    nil,
		"cmd/postie/internal/credential": {"cmd/postie/internal/answer"},
		"cmd/postie/internal/discover":   nil,
		"cmd/postie/internal/doctor": {"cmd/postie/internal/config", "cmd/postie/internal/connect", "cmd/postie/internal/credential",
			"cmd/postie/internal/exit", "cmd/postie/internal/paths", "cmd/postie/internal/session", "cmd/postie/internal/ui", "pop3", "imap", "maildir/index"},
		"cmd/postie/internal/setup": {"cmd/postie/internal/config", "cmd/postie/internal/connect", "cmd/postie/internal/credential",
			"cmd/postie/internal/discover", "cmd/postie/internal/exit", "cmd/postie/internal/foreign", "cmd/postie/internal/paths",
			"cmd/postie/internal/session", "cmd/postie/internal/ui", "imap", "imap/mirror"},
		"cmd/postie/internal/exit": {"cmd/postie/internal/answer", "cmd/postie/internal/config", "cmd/postie/internal/connect", "cmd/postie/internal/credential", "cmd/postie/internal/near", "cmd/postie/internal/quota",
			"pop3", "pop3/retrieve", "imap", "imap/plan", "imap/mirror", "maildir/index"},
		"cmd/postie/internal/foreign": nil,
		"cmd/postie/internal/library": {"cmd/postie/internal/config", "cmd/postie/internal/credential", "cmd/postie/internal/exit",
			"cmd/postie/internal/near", "cmd/postie/internal/paths", "cmd/postie/internal/session", "cmd/postie/internal/ui", "imap/base", "imap/mirror", "imap/naming", "maildir", "maildir/message", "maildir/index", "maildir/index/query", "maildir/mbox", "maildir/source"},
		"cmd/postie/internal/inspect": {"cmd/postie/internal/config", "cmd/postie/internal/credential", "cmd/postie/internal/exit", "cmd/postie/internal/library", "cmd/postie/internal/ui",
			"imap/mirror", "imap/verify", "pop3/verify", "maildir", "maildir/index", "maildir/look", "maildir/manifest", "maildir/verify"},
		"cmd/postie/internal/metrics":     nil,
		"cmd/postie/internal/healthcheck": nil,
		"cmd/postie/internal/quota":       nil,
		"cmd/postie/internal/hook":        {"cmd/postie/internal/config", "cmd/postie/internal/ui"},
		"cmd/postie/internal/near":        nil,
		"cmd/postie/internal/manual":      {"cmd/postie/internal/config", "cmd/postie/internal/exit"},
		"cmd/postie/internal/paths":       nil,
		"cmd/postie/internal/service":     {"cmd/postie/internal/exit"},
		"cmd/postie/internal/systemd":     nil,
		"cmd/postie/internal/session": {"cmd/postie/internal/config", "cmd/postie/internal/connect", "cmd/postie/internal/credential",
			"cmd/postie/internal/exit", "pop3", "imap"},
		"cmd/postie/internal/ui":   nil,
		"cmd/postie/internal/demo": {"pop3/pop3test", "testdata/messages"},
		"pop3":                     nil,
		"pop3/pop3test":            nil,
		"pop3/ledger":              {"maildir", "maildir/index"},
		"pop3/verify":              {"pop3", "pop3/ledger", "maildir", "maildir/index", "maildir/verify"},
		"pop3/retrieve":            {"pop3", "pop3/ledger", "maildir", "maildir/look", "maildir/message", "maildir/index"},
		"imap":                     nil,
		"imap/imaptest":            nil,
		"imap/naming":              {"imap"},
		"imap/push":                {"imap"},
		"imap/plan":                {"maildir"},
		"imap/changes":             {"imap", "imap/naming", "imap/plan", "maildir", "maildir/message"},
		"imap/base":                {"imap/plan", "maildir", "maildir/index", "maildir/look"},
		"imap/restore":             {"imap", "imap/changes", "imap/naming", "imap/plan", "maildir", "maildir/source"},
		"imap/verify":              {"imap", "imap/base", "imap/changes", "imap/naming", "imap/plan", "maildir", "maildir/index", "maildir/verify"},
		"imap/mirror":              {"imap", "imap/base", "imap/changes", "imap/naming", "imap/plan", "maildir", "maildir/look", "maildir/message", "maildir/index"},
		"maildir":                  nil,
		"maildir/look":             {"maildir", "maildir/message"},
		"maildir/watch":            {"maildir"},
		"maildir/message":          nil,
		"maildir/manifest":         {"maildir"},
		"maildir/mbox":             {"maildir"},
		"maildir/source":           {"maildir", "maildir/look", "maildir/mbox", "maildir/message"},
		"maildir/verify":           {"maildir", "maildir/index", "maildir/look"},
		"maildir/index/query":      {"maildir", "maildir/message", "maildir/index"},
		"maildir/index":            {"maildir", "maildir/look", "maildir/message"},
		"testdata/dns":             nil,
		"testdata/dovecot":         nil,
		"testdata/messages":        nil,
		"testdata/schema":          nil,
		"testdata/victim":          nil,
	}
}

// impure is what a room that decides must not know.
func impure() map[string][]string {
	return map[string][]string{"imap/plan": {"net", "net/http", "crypto/tls", "os", "os/exec", "database/sql", "io", "io/fs", "path/filepath", "context", "syscall",
		"math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog", "sync", "time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.NewTimer",
		"time.NewTicker", "time.Tick", "time.Sleep"}}
}

// A room that decides knows no clock: it may hold times, and must not ask for the time.
func checkClock(t *testing.T, room, file string) {
	if impure()[room] == nil {
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && slices.Contains(impure()[room], x.Name+"."+s.Sel.Name) {
				t.Errorf("%s uses %s.%s: the room is to stay pure", file, x.Name, s.Sel.Name)
			}
		}
		return true
	})
}

func TestImports(t *testing.T) {
	const root = "../.."
	seen, used := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		room := filepath.ToSlash(rel)
		seen[room] = true
		checkImports(t, room, file, used)
		checkClock(t, room, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["pop3/retrieve"] || !seen["cmd/postie"] {
		t.Errorf("the walk missed rooms: %v", seen)
	}
	for room, allowed := range rooms() {
		for _, other := range allowed {
			if !strings.HasSuffix(other, "/*") && !used[room+" "+other] {
				t.Errorf("%s does not import %s: the table need not allow it", room, other)
			}
		}
	}
}

// checkImports compares the imports of a file with what its room may import, and notes those of ours in used.
func checkImports(t *testing.T, room, file string, used map[string]bool) {
	allowed, known := rooms()[room]
	if !known {
		t.Errorf("%s: the room %q is not in the table", file, room)
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
		}
		if slices.Contains(impure()[room], imported) {
			t.Errorf("%s imports %s: the room is to stay pure", file, imported)
		}
		ours, ok := strings.CutPrefix(imported, "postie/")
		used[room+" "+ours] = true
		if ok && !slices.Contains(allowed, ours) && !slices.Contains(allowed, path.Dir(ours)+"/*") {
			t.Errorf("%s imports %s: not allowed for %s", file, imported, room)
		}
	}
}

// The top level is fixed, so that a newcomer finds the way.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	fixed := []string{"cmd", "pop3", "imap", "maildir", "testdata", "go.mod", "go.sum", "README.md"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(fixed, e.Name()) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

// A room of many parts stays one: none of the types of imap/mirror grows to know everything. What is larger is split by purpose.
func TestParts(t *testing.T) {
	const mostMethods, mostFields = 40, 25
	methods := map[string]int{}
	files, err := filepath.Glob("../../imap/mirror/*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	loop, err := parser.ParseFile(token.NewFileSet(), "../../imap/mirror/run.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if !strings.Contains(loop.Doc.Text(), filepath.Base(file)) {
			t.Errorf("%s: the package comment does not say what it is for", file)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil {
					methods[receiver(n.Recv.List[0].Type)]++
				}
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok && s.Fields.NumFields() > mostFields {
					t.Errorf("%s: %s has %d fields", file, n.Name, s.Fields.NumFields())
				}
			}
			return true
		})
	}
	for name, n := range methods {
		if n > mostMethods {
			t.Errorf("%s has %d methods", name, n)
		}
	}
	if methods["run"] == 0 || methods["observer"] == 0 {
		t.Errorf("the walk missed methods: %v", methods)
	}
}

// receiver is the name of a method's type.
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
