package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// SetFlags renames a message so that its name has exactly these flags and these keyword letters. Letters that the keyword
// table does not list belong to somebody else: the caller passes them on ([KeywordTable.Keywords] tells them).
// Other characters of the name stay. What is in new/ goes to cur/ as soon as it has flags, and stays there.
// The rename is durable after [Dir.Sync]. A file that is gone is fs.ErrNotExist; a twin of the new name fs.ErrExist.
func (d Dir) SetFlags(e Entry, f FlagSet, letters string) (Entry, error) {
	to := EntryOf(e.Name, e.New)
	if l := lettersOf(letters); f != to.Set || l != lettersOf(to.Letters) || e.New && (f != 0 || l != 0) {
		to = e.withFlags(f, l)
	}
	if to.Rel() == e.Rel() {
		return to, nil
	}
	if err := rename(d.Path(e), d.Path(to)); err != nil {
		return e, fmt.Errorf("set flags: %w", err)
	}
	return to, nil
}

// MoveTo renames a message into another Maildir of the same file system; key and flags stay. Keyword letters mean something
// else over there and are translated by the two keyword tables. Durable on return.
func (d Dir) MoveTo(e Entry, to Dir) (Entry, error) {
	moved, err := d.translate(e, to)
	if err != nil {
		return e, fmt.Errorf("move: %w", err)
	}
	if err := rename(d.Path(e), to.Path(moved)); err != nil {
		return e, fmt.Errorf("move: %w", err)
	}
	// The destination first: a crash between the two may leave the message in both folders, never in none.
	for _, path := range []string{to.sub(folder(moved)), d.sub(folder(e))} {
		if err := SyncDir(path); err != nil {
			return moved, fmt.Errorf("move: %w", err)
		}
	}
	return moved, nil
}

// translate gives an entry the letters that its keywords have in another Maildir. A letter that neither table lists stays.
func (d Dir) translate(e Entry, to Dir) (Entry, error) {
	if e.Letters == "" || d == to {
		return e, nil
	}
	ours, err := d.Keywords()
	if err != nil {
		return e, err
	}
	ks, unlisted := ours.Keywords(e.Letters)
	theirs, err := to.AddKeywords(ks)
	if err != nil {
		return e, err
	}
	letters, _ := theirs.Letters(ks)
	_, unlisted = theirs.Keywords(unlisted)
	return e.withFlags(e.Set, lettersOf(letters+unlisted)), nil
}

// Remove deletes a message. It is durable after [Dir.Sync]. A file that is gone already is fs.ErrNotExist.
func (d Dir) Remove(e Entry) error {
	if err := os.Remove(d.Path(e)); err != nil {
		return fmt.Errorf("remove message: %w", err)
	}
	return nil
}

func folder(e Entry) string {
	if e.New {
		return "new"
	}
	return "cur"
}

// rename never overwrites. The kernel sees to it where the file system can (it costs nothing); elsewhere (NFS) one look
// before must do, which is enough for names that hold 64 random bits.
func rename(from, to string) error {
	err := renameExclusive(from, to)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return renameAfterLook(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func renameAfterLook(from, to string) error {
	_, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	if err == nil {
		err = &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	}
	return err
}
