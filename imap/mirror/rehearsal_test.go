package mirror

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// files are all files and folders of a device but those of the index.
func (d *device) files() (all []string) {
	d.Helper()
	d.ok(filepath.WalkDir(d.root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !strings.HasPrefix(e.Name(), ".postie") {
			all = append(all, path)
		}
		return nil
	}))
	return all
}

// rehearsed are the operations of a dry run, which must change nothing; performed those of the run that comes next.
func (d *device) rehearsed() (told []string) {
	d.Helper()
	before := fmt.Sprint(d.files(), d.there())
	r, err := d.run(func(o *Options) { o.DryRun, o.Batch = true, 2 })
	if err != nil {
		d.Fatal(err)
	}
	if after := fmt.Sprint(d.files(), d.there()); after != before {
		d.Errorf("the dry run changed something:\n%s\nwas\n%s", after, before)
	}
	for _, op := range r.Plan.Ops {
		told = append(told, op.String())
	}
	slices.Sort(told)
	return told
}

func (d *device) performed() (done []string, r Report) {
	d.Helper()
	r, err := d.run(func(o *Options) { o.Batch = 2 })
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range d.events {
		if e, ok := e.(Done); ok {
			done = append(done, e.Op.String())
		}
	}
	slices.Sort(done)
	return done, r
}

// What a dry run prints after a run that was killed, at whatever step, is what the next run does; and until there is a plan, nothing is changed.
func TestDryRunAfterACrash(t *testing.T) {
	servers := crashServers()
	for n, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTemplate(t, servers[name])
			step, stride := some(n, len(servers))
			runs, begun := 0, 0
			for ; ; step += stride {
				d := w.copy()
				before, killed := w.kill(d, step)
				if !killed {
					break
				}
				runs++
				open, _ := looksOnly(d, before)
				begun += open
				told := d.rehearsed()
				done, _ := d.performed()
				if !slices.Equal(told, done) {
					t.Errorf("step %d, %s:\ntold:\n%s\ndone:\n%s", step, before, strings.Join(told, "\n"), strings.Join(done, "\n"))
				}
				d.rest()
				w.drop(d)
			}
			if runs < 10 || begun == 0 {
				t.Errorf("only %d runs, with %d things to settle", runs, begun)
			}
		})
	}
}
