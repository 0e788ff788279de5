package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postie/maildir"
)

// row is what a test knows of a file: "cur/KEY:2,S".
type row struct {
	rel   string
	stone bool
}

func (r row) File() maildir.Entry {
	sub, name, _ := strings.Cut(r.rel, "/")
	return maildir.EntryOf(name, sub == "new")
}

func (r row) Expected() bool { return !r.stone }

// memory is what a test knows of folders.
type memory map[*Folder][]row

func (m memory) ByKey(_ context.Context, f *Folder) iter.Seq2[row, error] {
	rows := slices.Clone(m[f])
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.File().Key, b.File().Key) })
	return func(yield func(row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (memory) Same(*Folder) (func(row, maildir.Entry) bool, error) { return nil, nil }

// folder makes a Maildir with these files in it, and forgets that it was made just now.
func folder(t testing.TB, root, name string, files ...string) *Folder {
	t.Helper()
	f := &Folder{Dir: maildir.Dir(filepath.Join(root, name)), Known: true}
	must(t, f.Dir.Ensure())
	for _, file := range files {
		put(t, f, file)
	}
	rest(t, f)
	return f
}

func put(t testing.TB, f *Folder, rel string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(string(f.Dir), rel), []byte("Subject: "+rel+"\n\n"), 0o600))
}

// rest gives a folder mtimes as of an hour ago, each time others.
func rest(t testing.TB, f *Folder) {
	t.Helper()
	for _, sub := range []string{"new", "cur"} {
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(string(f.Dir), sub), past, past); !errors.Is(err, fs.ErrNotExist) {
			must(t, err)
		}
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func rows(rels ...string) (all []row) {
	for _, rel := range rels {
		all = append(all, row{rel: strings.TrimSuffix(rel, "!"), stone: strings.HasSuffix(rel, "!")})
	}
	return all
}

// text shows a difference.
func (d *Delta[R]) text() string {
	var out []string
	for _, s := range d.Files {
		out = append(out, s.Row.File().Rel()+" is "+s.File.Rel())
	}
	for kind, rows := range map[string][]R{"missing": d.Missing, "lost": d.Lost, "absent": d.Absent} {
		for _, r := range rows {
			out = append(out, kind+" "+r.File().Rel())
		}
	}
	for e := range d.New.All() {
		out = append(out, "new "+e.Rel())
	}
	for _, t := range d.Twins {
		line := "twins"
		for _, e := range t.Files {
			line += " " + e.Rel()
		}
		out = append(out, fmt.Sprint(line, " of ", len(t.Rows)))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct{ name, files, rows, without, whole, want string }{
		{"nothing", "", "", "", "", ""},
		{"the same", "cur/a:2,S new/b", "cur/a:2,S new/b", "", "", ""},
		{"all of it", "cur/a:2,S new/b", "cur/a:2,S new/b", "", "whole", "cur/a:2,S is cur/a:2,S; new/b is new/b"},
		{"flags", "cur/a:2,FS", "cur/a:2,S", "", "", "cur/a:2,S is cur/a:2,FS"},
		{"read", "cur/a:2,S", "new/a", "", "", "new/a is cur/a:2,S"},
		{"size in the name", "cur/a,S=5:2,S", "cur/a:2,S", "", "", "cur/a:2,S is cur/a,S=5:2,S"},
		{"one gone", "cur/b:2,", "cur/a:2, cur/b:2, cur/c:2,", "", "", "missing cur/a:2,; missing cur/c:2,"},
		{"new ones", "cur/a:2, new/b cur/c:2,", "new/b", "", "", "new cur/a:2,; new cur/c:2,"},
		{"remembered only", "", "cur/a:2,!", "", "", "absent cur/a:2,"},
		{"its folder gone", "cur/a:2,", "cur/a:2, new/b cur/c:2,", "new", "", "lost new/b; missing cur/c:2,"},
		{"twins", "cur/a:2,S cur/a:2,F", "cur/a:2,F", "", "", "twins cur/a:2,F cur/a:2,S of 1"},
		{"new twins", "cur/a:2,S new/a", "", "", "", "twins new/a cur/a:2,S of 0"},
		{"known twins", "cur/a:2,S cur/a:2,F", "cur/a:2,S cur/a:2,F", "", "", "twins cur/a:2,F cur/a:2,S of 2"},
		{"one of two", "cur/a:2,R", "cur/a:2,S cur/a:2,F", "", "", "twins cur/a:2,R of 2"},
		{"no keys", "cur/.hidden cur/:2,S", "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := folder(t, t.TempDir(), "box", strings.Fields(tt.files)...)
			if tt.without != "" {
				must(t, os.RemoveAll(filepath.Join(string(f.Dir), tt.without)))
			}
			f.Whole = tt.whole != ""
			v, err := Look(t.Context(), []*Folder{f}, memory{f: rows(strings.Fields(tt.rows)...)}, Options{})
			must(t, err)
			got := v.Of(f).text()
			if strings.HasPrefix(got, "twins cur/a:2,S cur/a:2,F of 2") { // in the order of the file system
				got = "twins cur/a:2,F cur/a:2,S of 2"
			}
			if got != tt.want || !v.Steady() {
				t.Errorf("got %s (steady: %v), want %s", got, v.Steady(), tt.want)
			}
		})
	}
}

// A folder that rests is not read; one that was put aside is, if something is missing elsewhere.
func TestRests(t *testing.T) {
	root := t.TempDir()
	a, b := folder(t, root, "a", "cur/x:2,"), folder(t, root, "b", "cur/y:2,")
	known := memory{a: rows("cur/x:2,"), b: rows("cur/y:2,")}
	v, err := Look(t.Context(), []*Folder{a, b}, known, Options{})
	must(t, err)
	a.Stamp, b.Stamp, b.Aside = v.Of(a).Stamp, v.Of(b).Stamp, true
	v, err = Look(t.Context(), []*Folder{a, b}, known, Options{})
	must(t, err)
	if a.Stamp == (maildir.Stamp{}) || v.Of(a).Read || v.Of(b).Looked {
		t.Errorf("%+v, %+v", v.Of(a), v.Of(b))
	}
	must(t, os.Rename(a.Dir.Path(known[a][0].File()), b.Dir.Path(known[a][0].File())))
	v, err = Look(t.Context(), []*Folder{a, b}, known, Options{})
	must(t, err)
	if v.Of(a).text() != "missing cur/x:2," || v.Of(b).text() != "new cur/x:2," || !v.Steady() || v.Of(a).Stamp != (maildir.Stamp{}) {
		t.Errorf("%s, %s", v.Of(a).text(), v.Of(b).text())
	}
}

// Nothing is believed while a folder cannot be read, or there are more of them.
func TestNotBelieved(t *testing.T) {
	root := t.TempDir()
	a, b := folder(t, root, "a"), folder(t, root, "b")
	known := memory{a: rows("cur/x:2,")}
	steady := func(o Options) bool {
		v, err := Look(t.Context(), []*Folder{a, b}, known, o)
		must(t, err)
		if v.Of(a).text() != "missing cur/x:2," {
			t.Error(v.Of(a).text())
		}
		return v.Steady()
	}
	for _, more := range []bool{false, true} {
		if steady(Options{More: func() (bool, error) { return more, nil }}) == more {
			t.Errorf("more folders: %v", more)
		}
	}
	must(t, os.Mkdir(filepath.Join(string(b.Dir), "dovecot-keywords"), 0o700))
	if !steady(Options{}) {
		t.Error("a folder in the place of keywords")
	}
	must(t, os.Chmod(filepath.Join(string(b.Dir), "cur"), 0))
	if asNobody(t, root, func() bool { return steady(Options{}) }) {
		t.Error("a folder that cannot be read")
	}
}

// asNobody does something as a user that modes hold for.
func asNobody[T any](t *testing.T, root string, do func() T) T {
	t.Helper()
	if os.Geteuid() != 0 {
		return do()
	}
	for dir := root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 65534, 65534))
	}))
	must(t, syscall.Seteuid(65534))
	defer func() { must(t, syscall.Seteuid(0)) }()
	return do()
}

// A look changes nothing: in a tree that may not be written to it sees what it sees elsewhere, and all is as it was, to the
// mtime: twins, Maildirs that are not whole, and what is no message.
func TestChangesNothing(t *testing.T) {
	root := t.TempDir()
	a := folder(t, root, "a", "cur/a:2,S", "cur/a:2,F", "new/b", "cur/c:2,x")
	b := folder(t, root, "b", "cur/d:2,")
	c := folder(t, root, "c", "new/e")
	must(t, os.Symlink("/etc/passwd", filepath.Join(string(a.Dir), "cur", "link")), syscall.Mkfifo(filepath.Join(string(b.Dir), "new", "pipe"), 0o600))
	for _, f := range []*Folder{a, b, c} {
		must(t, os.Remove(filepath.Join(string(f.Dir), "tmp")))
	}
	must(t, os.Remove(filepath.Join(string(b.Dir), "new", "pipe")), os.Remove(filepath.Join(string(b.Dir), "new")), os.Remove(filepath.Join(string(c.Dir), "cur")))
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o555)
		}
		return err
	}))
	defer filepath.WalkDir(root, func(path string, d fs.DirEntry, _ error) error {
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	var before, after string
	all := []*Folder{a, b, c}
	said := asNobody(t, root, func() string {
		before = tree(t, root)
		defer func() { after = tree(t, root) }()
		v, err := Look(t.Context(), all, memory{a: rows("cur/a:2,F", "cur/gone:2,"), b: rows("new/lost", "cur/d:2,")}, Options{})
		must(t, err)
		_, err = v.Again(t.Context(), all...)
		must(t, err, v.Whole(t.Context(), c))
		found, err := Find(t.Context(), []maildir.Dir{a.Dir, c.Dir}, map[maildir.Key]bool{"e": true, "nowhere": true}, Options{})
		must(t, err)
		return fmt.Sprint(v.Of(a).text(), " | ", v.Of(b).text(), " | ", v.Of(c).text(), " | ", len(found.At), found.Steady, v.Rests())
	})
	want := "missing cur/gone:2,; new cur/c:2,x; new cur/link; new new/b; twins cur/a:2,F cur/a:2,S of 1 | lost new/lost | new new/e | 1 true true"
	if said != want {
		t.Errorf("got %s, want %s", said, want)
	}
	if after != before {
		t.Errorf("it was %s, is %s", before, after)
	}
}

// tree lists all that there is, with modes, sizes and mtimes.
func tree(t *testing.T, root string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		info, err2 := d.Info()
		all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		return errors.Join(err, err2)
	}))
	return strings.Join(all, "\n")
}

// What came and went since: found with one reading of the folders that changed.
func TestAgain(t *testing.T) {
	root := t.TempDir()
	a, b := folder(t, root, "a", "cur/x:2,", "new/fresh"), folder(t, root, "b", "cur/y:2,")
	known := memory{a: rows("cur/gone:2,", "cur/x:2,"), b: rows("cur/y:2,")}
	v, err := Look(t.Context(), []*Folder{a, b}, known, Options{})
	must(t, err)
	if all, err := v.Again(t.Context()); err != nil || len(all) > 0 || !v.Rests() || !v.Lacks(a, "gone") || v.Lacks(a, "x") {
		t.Fatal(all, err)
	}
	must(t, os.Rename(filepath.Join(string(a.Dir), "new/fresh"), filepath.Join(string(b.Dir), "cur/fresh:2,S")),
		os.Rename(filepath.Join(string(a.Dir), "cur/x:2,"), filepath.Join(string(b.Dir), "cur/other:2,")))
	put(t, a, "cur/gone:2,S")
	all, err := v.Again(t.Context(), a)
	must(t, err)
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprint(filepath.Base(string(p.Folder.Dir)), " came ", names(p.Came), " left ", len(p.Left), " left new ", names(p.LeftNew)))
	}
	want := []string{"a came [] left 1 left new [new/fresh]", "b came [cur/fresh:2,S cur/other:2,] left 0 left new []"}
	if !slices.Equal(got, want) || !v.Rests() || v.Lacks(a, "gone") || !v.Lacks(a, "x") || !v.Changed(b) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func names(es []maildir.Entry) (all []string) {
	for _, e := range es {
		all = append(all, e.Rel())
	}
	return all
}

// While others rename, and move between folders, as fast as they can, nothing that is there is ever believed to be gone; and
// what is removed is believed once there is peace.
func TestOthersRename(t *testing.T) {
	root := t.TempDir()
	a, b := folder(t, root, "a"), folder(t, root, "b")
	known := memory{}
	for n := range 200 {
		rel := fmt.Sprintf("cur/m%d:2,", n)
		put(t, a, rel)
		known[a] = append(known[a], row{rel: rel})
	}
	stop, ended := make(chan struct{}), sync.WaitGroup{}
	ended.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		at := map[int]string{}
		for n := range 200 {
			at[n] = a.Dir.Path(known[a][n].File())
		}
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, f := r.IntN(200), []*Folder{a, a, a, b}[r.IntN(4)]
			to := filepath.Join(string(f.Dir), "cur", fmt.Sprintf("m%d:2,%s", n, []string{"", "S", "FS"}[r.IntN(3)]))
			if os.Rename(at[n], to) == nil {
				at[n] = to
			}
		}
	})
	keys := map[maildir.Key]bool{}
	for n := range 200 {
		keys[maildir.Key(fmt.Sprint("m", n))] = true
	}
	for range 30 {
		v, err := Look(t.Context(), []*Folder{a, b}, known, Options{})
		must(t, err)
		for _, gone := range v.Of(a).Missing {
			if v.Steady() && !slices.ContainsFunc(slices.Collect(v.Of(b).New.All()), func(e maildir.Entry) bool { return e.Key == gone.File().Key }) {
				t.Fatalf("%s is believed to be gone", gone.rel)
			}
		}
		found, err := Find(t.Context(), []maildir.Dir{a.Dir, b.Dir}, keys, Options{})
		must(t, err)
		if found.Steady && len(found.At) < len(keys) {
			t.Fatalf("%d are believed to be gone", len(keys)-len(found.At))
		}
	}
	close(stop)
	ended.Wait()
	e, ok, err := File(t.Context(), a.Dir, "m7")
	if !ok {
		e, ok, err = File(t.Context(), b.Dir, "m7")
	}
	if must(t, err); !ok {
		t.Fatal("it is nowhere")
	}
	os.Remove(a.Dir.Path(e))
	os.Remove(b.Dir.Path(e))
	found, err := Find(t.Context(), []maildir.Dir{a.Dir, b.Dir}, keys, Options{})
	if err != nil || !found.Steady || len(found.At) != len(keys)-1 {
		t.Errorf("%d, %v, %v", len(found.At), found.Steady, err)
	}
}

// A new/ or cur/ that was made anew, empty, is lost with all that it held; where any of that still lies in it, or all of it is
// elsewhere in the Maildir, what is missing was deleted.
func TestMadeAnew(t *testing.T) {
	all := []string{"new/1", "new/2", "cur/3:2,", "cur/4:2,S", "cur/5:2,!"}
	for name, tt := range map[string]struct {
		anew []string
		put  []string // into them
		want string
	}{
		"new":                              {[]string{"new"}, nil, "lost new/1; lost new/2"},
		"cur":                              {[]string{"cur"}, nil, "absent cur/5:2,; lost cur/3:2,; lost cur/4:2,S"},
		"both":                             {[]string{"new", "cur"}, nil, "absent cur/5:2,; lost cur/3:2,; lost cur/4:2,S; lost new/1; lost new/2"},
		"new, and other mail came":         {[]string{"new"}, []string{"new/9"}, "lost new/1; lost new/2; new new/9"},
		"a backup of new without one":      {[]string{"new"}, []string{"new/1"}, "missing new/2"},
		"a backup of all":                  {[]string{"new", "cur"}, []string{"new/1", "new/2", "cur/3:2,", "cur/4:2,S"}, "absent cur/5:2,"},
		"a backup of all with other names": {[]string{"new", "cur"}, []string{"cur/1:2,S", "cur/2:2,S", "cur/3:2,S", "cur/4:2,S"}, "absent cur/5:2,; cur/3:2, is cur/3:2,S; new/1 is cur/1:2,S; new/2 is cur/2:2,S"},
		"one was read before":              {[]string{"new"}, []string{"cur/1:2,S"}, "lost new/2; new/1 is cur/1:2,S"},
	} {
		t.Run(name, func(t *testing.T) {
			f := folder(t, t.TempDir(), "box", all[:4]...)
			before, err := f.Dir.Parts()
			must(t, err)
			for _, sub := range tt.anew {
				must(t, os.RemoveAll(filepath.Join(string(f.Dir), sub)), os.Mkdir(filepath.Join(string(f.Dir), sub), 0o700))
			}
			for _, file := range tt.put {
				put(t, f, file)
			}
			rest(t, f)
			known := memory{f: rows(all...)}
			see := func() string {
				v, err := Look(t.Context(), []*Folder{f}, known, Options{})
				must(t, err)
				var said []string
				for line := range strings.SplitSeq(v.Of(f).text(), "; ") {
					if !strings.Contains(tt.want, "absent") && strings.HasPrefix(line, "absent") {
						continue
					}
					said = append(said, line)
				}
				if strings.Contains(tt.want, "lost") != (len(v.Of(f).Anew) > 0) || !v.Steady() {
					t.Errorf("anew %v, steady %v", v.Of(f).Anew, v.Steady())
				}
				return strings.Join(said, "; ")
			}
			if before.Places == (maildir.Places{}) {
				return // this file system does not tell
			}
			f.Places = before.Places
			if got := see(); got != tt.want {
				t.Errorf("got %s", got)
			}
			now, err := f.Dir.Parts()
			must(t, err)
			f.Places = now.Places // dealt with
			tt.want = strings.ReplaceAll(tt.want, "lost", "missing")
			got := strings.Split(see(), "; ")
			want := strings.Split(tt.want, "; ")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("then %s, want %s", got, want)
			}
		})
	}
}

// A file is found by its whole key, under whatever name.
func TestFile(t *testing.T) {
	f := folder(t, t.TempDir(), "box", "cur/1:2,S", "cur/11:2,F", "new/2", "cur/3,S=1")
	for key, want := range map[maildir.Key]string{"1": "cur/1:2,S", "11": "cur/11:2,F", "2": "new/2", "3": "cur/3,S=1", "4": "", "": ""} {
		e, ok, err := File(t.Context(), f.Dir, key)
		if err != nil || ok != (want != "") || ok && e.Rel() != want {
			t.Errorf("%q: %v %v %v", key, e, ok, err)
		}
	}
}

// The room reads only: there is no call in it that could change anything.
func TestReadsOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		must(t, err)
		for _, call := range []string{"os.Rename", "os.Remove", "os.Mkdir", "os.Create", "os.OpenFile", "os.WriteFile", "os.Ch", "os.Truncate", "os.Link",
			"os.Symlink", ".Ensure(", ".Complete(", ".SetFlags(", ".MoveTo(", ".AddKeywords(", ".Sync(", "sql.", "unix.", "syscall."} {
			if strings.Contains(string(content), call) {
				t.Errorf("%s has %s", file, call)
			}
		}
	}
}
