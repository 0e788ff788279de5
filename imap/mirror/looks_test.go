package mirror

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postie/imap/base"
	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// print is every file below a root, the index and its log among them, with name, time and content. What SQLite shares between
// processes is no content.
func (d *device) print() string {
	d.Helper()
	var all []string
	d.ok(filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s %v %x", path, info.ModTime(), sha256.Sum256(content)))
		return err
	}))
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// changing are the commands that change something on a server.
const changing = `^(UID STORE|STORE|UID COPY|COPY|UID MOVE|MOVE|APPEND|CREATE|DELETE|RENAME|SUBSCRIBE|UNSUBSCRIBE|EXPUNGE|UID EXPUNGE|CLOSE)\b`

// A mailbox that was put aside on the server is found without anything being renamed.
func TestLookingForReplaced(t *testing.T) {
	t.Parallel()
	o := dovecot.Options{}
	d := newDevice(t, o)
	s := d.remote()
	d.create(s, "A")
	d.put(s, "A", 0, 5)
	d.sync()
	d.ok(s.Rename(context.Background(), "A", "Old"))
	d.create(s, "A")
	d.put(s, "A", 5, 7)
	if _, replaced := looksOnly(d, "renamed"); replaced != 1 {
		t.Errorf("%d mailboxes were replaced", replaced)
	}
	d.sync()
	d.equal()
}

// looksOnly does all that comes before a plan, and says how many things are to be settled. What looks only looks: whatever a run that was
// killed has left behind, and whatever changed on either side, nothing is changed on disk, in the index or on the server.
func looksOnly(d *device, when string) (begun, replaced int) {
	d.Helper()
	d.quirks = append(d.quirks, imaptest.Refuse(changing, -1, "NO it is only to be looked at"))
	d.opened(func() {
		ctx := context.Background()
		o := d.options()
		o.Step = func(step string) { d.Errorf("%s: %s while it is looked", when, step) }
		s := NewSession(o)
		defer s.Close()
		_, err := s.locked(ctx, func(r *run) (err error) {
			before := d.print()
			if r.base, err = base.Open(ctx, r.Store, r.Account); err != nil {
				return err
			}
			d.ok(r.connect(ctx), r.finder.folders(ctx))
			aside, err := r.replacement.find(ctx)
			d.ok(err)
			open, err := r.recovery.leftOpen(ctx)
			d.ok(err)
			r.Policy.Now = r.Now()
			views, err := r.observer.observe(ctx)
			d.ok(err)
			_, err = r.observer.planned(ctx, views)
			d.ok(err)
			if after := d.print(); after != before {
				d.Errorf("%s: looking changed\n%s\nto\n%s", when, before, after)
			}
			for _, p := range open {
				if outcome, _ := plan.Resume(p.Begun); outcome != plan.Anew {
					begun++
				}
			}
			replaced = len(aside)
			return nil
		})
		d.ok(err)
	})
	d.quirks = d.quirks[:len(d.quirks)-1]
	return begun, replaced
}
