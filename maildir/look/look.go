// Package look tells what changed in a set of Maildirs since they were last seen, and which absences may be believed. It only
// reads: it makes no folder, renames no file, writes no database. What it finds out of order, a key that two files have or a
// folder that is not there, it says; mending that is an operation of whoever asked.
//
// # When a file is believed to be gone
//
// Other programs rename files all the time, and reading a folder is not one step: during renames nearly every reading misses a
// file that is there, or meets one twice. So a row without a file is only Missing, and [View.Steady] says whether that may be
// believed of any. This is the one place for that rule; it has six parts:
//
//  1. new/ is read before cur/, so that a file on its way between the two is met at least once.
//  2. A folder in which something is missing is read twice at least, and its mtimes did not change from before the last reading until
//     all folders had been read; an mtime younger than a tick of the kernel's clock could hide one more change.
//  3. A file may be on its way from one Maildir to another. So if one is missing anywhere, all folders are read, also those
//     that were put Aside, and all have to rest at one moment.
//  4. Nothing is believed while one folder cannot be read, does not come to rest within three readings, or while there are Maildirs
//     that were not among those to be looked at.
//  5. Nor is anything while a new file went on before it could be read ([View.Doubt]): it may be the missing one.
//  6. Before what cannot be taken back, [View.Again] reads once more what changed since.
//
// A file that lay in a new/ or cur/ that is not there any more is not Missing but [Delta.Lost]: what takes a whole folder away is an
// accident more often than a wish. So it is when that new/ or cur/ was made again, by whoever needed one, and none of the files that
// lay there does: an empty folder in the place of a full one looks like deletions, one by one. Which folder it is tells
// [maildir.Places]. Where any of them still lies there, what is missing was deleted: a backup that was put back is another folder too.
//
// # What it costs
//
// A folder whose mtimes are the recorded ones is not read. Of one that is read only names are: no file is opened and none is asked
// for its size. Names are compared with the rows in one pass; what has not changed takes no memory but that of its name.
package look

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"postie/maildir"
)

// Row is what is known of a message in a folder.
type Row interface {
	File() maildir.Entry // where its file was last
	Expected() bool      // it ought to have a file; of one that was deleted, and is only remembered, none is missing
}

// Known is what is known of folders.
type Known[R Row] interface {
	// ByKey gives the rows of a folder in the order of their keys. Several may have one key.
	ByKey(context.Context, *Folder) iter.Seq2[R, error]
	// Same gives a function that says whether a file tells no more than its row. It is asked about files that lie where their rows
	// say; nil says yes to all. It is asked for before each comparison.
	Same(*Folder) (func(R, maildir.Entry) bool, error)
}

// Folder is a Maildir to be looked at.
type Folder struct {
	ID    int64 // for Known
	Dir   maildir.Dir
	Stamp maildir.Stamp // recorded when it was last read; if it is still that, the folder is not read. Zero: it is

	Places maildir.Places // recorded when all that was known of it was last dealt with
	Whole  bool           // all that is in it is wanted, changed or not
	Aside  bool           // it is read only if a file may have gone there, or may have come from there
	Known  bool           // there are rows of it: what is new elsewhere may come from there
}

// Options of Look. The zero value is useful.
type Options struct {
	Now   func() time.Time     // nil: time.Now
	Looks int                  // how often a folder is read in which others change something meanwhile; 0: 3
	More  func() (bool, error) // says whether there are Maildirs that were not to be looked at; nil: there are none
}

// Delta is how a folder and what is known of it differ.
type Delta[R Row] struct {
	Looked  bool          // false: it was put Aside, and was not needed
	Read    bool          // false: it rests since its Stamp, and was not read: all below is empty
	Gone    bool          // neither new/ nor cur/ is there: all its rows are Lost
	Files   []Seen[R]     // by key: those with another name than their rows say, those that tell more, and all others of a Whole folder
	Missing []R           // by key: rows whose file was not seen
	Lost    []R           // by key: rows whose file was in one of Without, or of Anew
	Absent  []R           // by key: rows without a file, and without a need for one
	New     Entries       // by key: files of which there is no row
	Twins   []Twins[R]    // by key: of them nothing is said otherwise
	Odd     []Odd         // what lies under a name that a row knows, and is no file: nobody knows what became of its message
	Without []string      // those of new/ and cur/ that are not there
	Anew    []string      // those that are other folders than were recorded, and of which all files are missing
	Stamp   maildir.Stamp // to be recorded once all that is said here is known; zero: it is to be read again
	Places  maildir.Places
	Err     error // it cannot be read: nothing is known of it
}

// Seen is a row and its file.
type Seen[R Row] struct {
	Row  R
	File maildir.Entry
}

// Odd is a name under which no file lies.
type Odd struct {
	maildir.Entry
	Kind string // as maildir.KindOf has it
}

// Twins are the rows and files of one key that more than one file or row has. Programs make such by renaming, and by copying
// into a Maildir. All files were there; those come first that lie where a row says.
type Twins[R Row] struct {
	Rows  []R
	Files []maildir.Entry
}

// Entries are files, many of them in little memory.
type Entries struct {
	names *listing
	at    []uint32
}

// Len is how many they are.
func (es Entries) Len() int { return len(es.at) }

// All gives them in the order of their keys.
func (es Entries) All() iter.Seq[maildir.Entry] {
	return func(yield func(maildir.Entry) bool) {
		for _, at := range es.at {
			if !yield(es.names.entry(at)) {
				return
			}
		}
	}
}

// Has says whether one of them has that key.
func (es Entries) Has(key maildir.Key) bool {
	return es.names != nil && es.names.has(es.at, key)
}

// lacks says whether the folder has a row with that key, and no file.
func (d *Delta[R]) lacks(key maildir.Key) bool {
	for _, rows := range [][]R{d.Missing, d.Lost, d.Absent} {
		_, ok := slices.BinarySearchFunc(rows, key, func(row R, key maildir.Key) int { return cmp.Compare(row.File().Key, key) })
		if ok {
			return true
		}
	}
	return false
}

// View is what Look saw.
type View[R Row] struct {
	watch
	known  Known[R]
	deltas map[*Folder]*Delta[R]
	later  map[*Folder]*later[R]
}

// Look reads those of the folders that changed and compares them with what is known. A folder that cannot be read is no error but
// that of its Delta. Errors are those of known, of o.More, of ctx, and of a system that has nothing left to give.
func Look[R Row](ctx context.Context, folders []*Folder, known Known[R], o Options) (*View[R], error) {
	v := &View[R]{known: known, deltas: map[*Folder]*Delta[R]{}, later: map[*Folder]*later[R]{}}
	v.watch = watchOf(folders, o, v)
	for _, f := range folders {
		v.deltas[f] = &Delta[R]{}
	}
	return v, v.look(ctx)
}

// Of is the difference of one folder.
func (v *View[R]) Of(f *Folder) *Delta[R] { return v.deltas[f] }

// Restless says whether a folder did not come to rest, or could not be read.
func (v *View[R]) Restless(f *Folder) bool { return v.of(f).unsteady }

// Doubt tells that a file which was New in a folder was not there any more when it was to be read. It is on its way, and may be any
// that is missing: nothing is believed to be gone.
func (v *View[R]) Doubt(f *Folder) { v.of(f).unsteady = true }

// Whole reads one of the folders once more, all of it: what is known of it has turned out to be wrong. [View.Settle] has to follow.
func (v *View[R]) Whole(ctx context.Context, f *Folder) error {
	f.Whole = true
	return v.visit(ctx, v.of(f))
}

// compare is called for each reading of a folder; the last one counts.
func (v *View[R]) compare(ctx context.Context, r *reading, names *listing) error {
	d, err := compare(ctx, v.known, r.Folder, names, r.without, r.places)
	if err == nil {
		v.deltas[r.Folder] = d
	}
	return err
}

// finished notes what is known only after a folder was read, or was not.
func (v *View[R]) finished(r *reading) {
	if r.err != nil {
		v.deltas[r.Folder] = &Delta[R]{Err: r.err}
	}
	d := v.deltas[r.Folder]
	d.Looked, d.Read, d.Gone, d.Without, d.Stamp, d.Places = true, r.read, r.gone, r.without, r.stamp, r.places
}

func (v *View[R]) doubts(r *reading) doubts {
	d := v.deltas[r.Folder]
	return doubts{len(d.Missing) + len(d.Lost), d.New.Len() + len(d.Twins), len(d.Twins)}
}
