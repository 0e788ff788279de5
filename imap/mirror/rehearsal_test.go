package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func (d *device) performed() (done []string, r Report, err error) {
	d.Helper()
	r, err = d.run(func(o *Options) { o.Batch = 2 })
	for _, e := range d.events {
		if e, ok := e.(Done); ok {
			done = append(done, e.Op.String())
		}
	}
	slices.Sort(done)
	return done, r, err
}
