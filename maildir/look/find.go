package look

import (
	"cmp"
	"context"

	"postie/maildir"
)

// Place is where a file lies.
type Place struct {
	Dir   maildir.Dir
	Entry maildir.Entry
}

// Places are files that were looked for.
type Places struct {
	At     map[maildir.Key]Place
	Steady bool  // what is not among them may be believed to be gone
	Err    error // of a folder that could not be read
}

// Find looks for files by their keys, wherever in these Maildirs they lie. What is not found is looked for again, by the rule
// of the package.
func Find(ctx context.Context, dirs []maildir.Dir, keys map[maildir.Key]bool, o Options) (Places, error) {
	f := &finder{keys: keys, at: make(map[maildir.Key]Place, len(keys))}
	if len(keys) == 0 {
		return Places{f.at, true, nil}, nil
	}
	var folders []*Folder
	for _, dir := range dirs {
		folders = append(folders, &Folder{Dir: dir})
	}
	w := watchOf(folders, o, f)
	err := w.look(ctx)
	return Places{f.at, w.Steady(), f.err}, err
}

// File finds the file of a key in one Maildir, under whatever name. False: it is not there, or was not met in any reading.
func File(ctx context.Context, dir maildir.Dir, key maildir.Key) (maildir.Entry, bool, error) {
	found, err := Find(ctx, []maildir.Dir{dir}, map[maildir.Key]bool{key: true}, Options{})
	if len(found.At) == 0 {
		return maildir.Entry{}, false, cmp.Or(err, found.Err)
	}
	return found.At[key].Entry, true, nil
}

// finder is one Find at work.
type finder struct {
	keys map[maildir.Key]bool
	at   map[maildir.Key]Place
	err  error
}

func (f *finder) compare(_ context.Context, r *reading, names *listing) error {
	for _, at := range names.at {
		if f.keys[maildir.Key(names.key(at))] { // no copy is made for a look into a map
			e := names.entry(at)
			f.at[e.Key] = Place{r.Dir, e}
		}
	}
	return nil
}

func (f *finder) finished(r *reading) { f.err = cmp.Or(f.err, r.err) }

func (f *finder) doubts(*reading) doubts { return doubts{missing: len(f.keys) - len(f.at)} }
