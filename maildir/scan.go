package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"
)

// scanChunk is how many names are read at once: memory stays small however large the folder is.
const scanChunk = 1024

// Scan lists the Maildir from file names alone: no stat, no open. Names that begin with a dot are skipped, and those without a
// key (":2,S"), by which no message could be told from another.
// An error, a missing new/ or cur/ among it, is yielded once and ends the scan.
//
// One pass, and not more than that: while another program renames, a pass may miss a file that is there, or see one
// twice. new/ is read before cur/, so that a file on its way from new/ to cur/ is seen at least once.
func (d Dir) Scan() iter.Seq2[Entry, error] { return d.ScanBut(nil) }

// ScanBut is Scan of a Maildir that need not be whole: without the folders that [Dir.Parts] calls lost.
func (d Dir) ScanBut(lost []string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range d.ScanKinds(lost) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

// Lying is a name in a Maildir and what it is that lies there.
type Lying struct {
	Entry
	Type fs.FileMode // the type bits; 0: a file. Most file systems tell it with the name
}

// ScanKinds is ScanBut that also tells what is no file.
func (d Dir) ScanKinds(lost []string) iter.Seq2[Lying, error] {
	return func(yield func(Lying, error) bool) {
		for _, sub := range []string{"new", "cur"} {
			if slices.Contains(lost, sub) {
				continue
			}
			for file, err := range names(d.sub(sub)) {
				if err != nil {
					yield(Lying{}, fmt.Errorf("scan: %w", err))
					return
				}
				name := file.Name()
				if !strings.ContainsRune(".,:", rune(name[0])) && !yield(Lying{EntryOf(name, sub == "new"), file.Type()}, nil) {
					return
				}
			}
		}
	}
}

// names lists a folder in the order of the file system. An error ends it.
func names(path string) iter.Seq2[fs.DirEntry, error] {
	return func(yield func(fs.DirEntry, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for {
			chunk, err := f.ReadDir(scanChunk)
			for _, file := range chunk {
				if !yield(file, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// Subfolders lists the Maildir++ folders: names below the root that begin with '.' and hold a cur/, sorted. Beside an error the
// list is true, but for what could not be looked into; it is nil if that is the root.
func (d Dir) Subfolders() ([]string, error) {
	subs, closed := []string{}, error(nil)
	for file, err := range names(string(d)) {
		if err != nil {
			return nil, fmt.Errorf("list subfolders: %w", err)
		}
		name := file.Name()
		if name[0] != '.' {
			continue
		}
		fi, err := os.Stat(d.sub(name, "cur"))
		if err == nil && fi.IsDir() {
			subs = append(subs, name)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			closed = errors.Join(closed, fmt.Errorf("list subfolders: %w", err))
		}
	}
	slices.Sort(subs)
	return subs, closed
}
