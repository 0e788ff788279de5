package retrieve

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postie/maildir"
	"postie/pop3/pop3test"
)

// history is a world and what ought to be true of it, whatever happens.
type history struct {
	*world
	n       int             // messages ever delivered
	erased  map[string]bool // by the user, here
	amnesia bool            // the database was lost, and no run has come to its end since
	excused map[string]bool // erased during amnesia: may come again
	without []string
}

// Random histories: mail comes, runs of every policy, cut anywhere, lost databases, servers that renumber, users who read,
// move and erase. After each run every message that ever came is here, or on the server, or was erased by the user; and
// none is here twice.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{erased: map[string]bool{}, excused: map[string]bool{}}
		h.without = rapid.SampledFrom([][]string{nil, {"TOP"}, {"PIPELINING"}, {"UIDL"}, {"UIDL", "TOP"}}).Draw(rt, "without")
		h.world = newWorld(t, pop3test.Options{Without: h.without})
		defer os.RemoveAll(filepath.Dir(string(h.dir)))
		defer h.server.Close()
		rt.Repeat(map[string]func(*rapid.T){
			"mail comes":    h.mailComes,
			"run":           h.runs,
			"cut run":       h.cut,
			"database lost": h.loseDatabase,
			"renumber":      h.renumber,
			"user reads":    h.reads,
			"user moves":    h.moves,
			"user erases":   h.erases,
			"days pass":     func(*rapid.T) { h.now = h.now.AddDate(0, 0, 8) },
			"":              h.check,
		})
	})
}

func (h *history) mailComes(rt *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(rt, "messages") {
		h.n++
		// Equal sizes, and now and then no Message-ID, make it hard to tell them apart.
		id := ""
		if rapid.Bool().Draw(rt, "has id") {
			id = fmt.Sprintf("Message-ID: <%04d@example.test>\r\n", h.n)
		}
		h.server.Append("alice", pop3test.Message{Body: fmt.Appendf(nil, "%sSubject: x\r\n\r\n%04d\r\n", id, h.n)})
	}
}

func (h *history) policy(rt *rapid.T) Policy {
	return Policy{
		Keep:      Keep{Mode: rapid.SampledFrom([]Mode{Delete, Forever, For, UntilDeleted}).Draw(rt, "keep"), Age: 14 * 24 * time.Hour},
		Limit:     rapid.SampledFrom([]int{0, 0, 2}).Draw(rt, "limit"),
		MaxDelete: .3,
	}
}

func (h *history) runs(rt *rapid.T) {
	p := h.policy(rt)
	report, err := h.run(p, h.options(rt))
	// A message at which cut runs broke again and again is left alone for a while.
	waits := len(slices.DeleteFunc(h.failures(), func(text string) bool { return !strings.Contains(text, "it is asked for again from") }))
	if err != nil && !errors.As(err, new(*Guard)) || report.Failed > waits {
		rt.Fatalf("%+v: %+v, %v", p, report, err)
	}
	if err == nil && report.Later == 0 && report.Failed == 0 {
		h.amnesia = false
	}
}

func (h *history) cut(rt *rapid.T) {
	h.server.SetFault(pop3test.Fault{On: pop3test.Octets, After: rapid.Int64Range(0, 1500).Draw(rt, "after")})
	h.run(h.policy(rt), h.options(rt))
	h.server.SetFault(pop3test.Fault{})
}

func (h *history) options(rt *rapid.T) func(*Options) {
	batch := rapid.SampledFrom([]int{1, 2, 256}).Draw(rt, "batch")
	return func(o *Options) { o.Batch = batch }
}

// loseDatabase makes postie forget, also what the user erased: what is still on the server comes again.
func (h *history) loseDatabase(*rapid.T) {
	if os.Remove(filepath.Join(string(h.dir), ".postie.db")) == nil {
		h.amnesia = true
		maps.Copy(h.excused, h.erased)
	}
}

func (h *history) renumber(rt *rapid.T) {
	maildrop := h.server.Maildrop("alice")
	for i := range maildrop {
		maildrop[i].UIDL = ""
	}
	h.server.SetMaildrop("alice", "secret", maildrop...)
}

// all are the files here, subfolder included, and what is in them.
func (h *history) all() map[string][]string {
	found := map[string][]string{}
	for _, dir := range []maildir.Dir{h.dir, h.subfolder()} {
		if _, err := os.Stat(string(dir)); err != nil {
			continue
		}
		for e, err := range dir.Scan() {
			if err != nil {
				h.Fatal(err)
			}
			content, err := os.ReadFile(dir.Path(e))
			if err != nil {
				h.Fatal(err)
			}
			found[string(content)] = append(found[string(content)], dir.Path(e))
		}
	}
	return found
}

func (h *history) subfolder() maildir.Dir {
	return maildir.Dir(filepath.Join(string(h.dir), ".Archive"))
}

// one is any of the files here; "": there is none.
func (h *history) one(rt *rapid.T) (content, path string) {
	all := h.all()
	if len(all) == 0 {
		return "", ""
	}
	content = rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(rt, "file")
	return content, all[content][0]
}

func (h *history) reads(rt *rapid.T) {
	if _, path := h.one(rt); path != "" {
		to := filepath.Join(filepath.Dir(filepath.Dir(path)), "cur", string(maildir.KeyOf(filepath.Base(path)))+":2,S")
		if err := os.Rename(path, to); err != nil {
			rt.Fatal(err)
		}
	}
}

func (h *history) moves(rt *rapid.T) {
	if content, path := h.one(rt); path != "" {
		if err := h.subfolder().Ensure(); err != nil {
			rt.Fatal(err)
		}
		name := fmt.Sprintf("%x-%d:2,S", hash(content), time.Now().UnixNano())
		if err := os.Rename(path, h.subfolder().Path(maildir.EntryOf(name, false))); err != nil {
			rt.Fatal(err)
		}
	}
}

func (h *history) erases(rt *rapid.T) {
	if content, path := h.one(rt); path != "" {
		h.erased[content] = true
		h.excused[content] = h.amnesia
		if err := os.Remove(path); err != nil {
			rt.Fatal(err)
		}
	}
}

func (h *history) check(rt *rapid.T) {
	here, there := map[string][]string{}, map[string]int{}
	if _, err := os.Stat(string(h.dir)); err == nil {
		here = h.all()
	}
	for _, m := range h.server.Maildrop("alice") {
		there[lf(m.Body)]++
	}
	total := map[string]bool{}
	for content, paths := range here {
		total[content] = true
		if len(paths) > 1 {
			rt.Fatalf("%d times here: %q", len(paths), content)
		}
		if h.erased[content] && !h.excused[content] {
			rt.Fatalf("erased, and here again: %q", content)
		}
		delete(h.erased, content)
	}
	for content := range there {
		total[content] = true
	}
	for content := range h.erased {
		total[content] = true
	}
	if len(total) != h.n {
		rt.Fatalf("%d messages are somewhere, %d came", len(total), h.n)
	}
}
