package maildir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keywordFile holds lines "0 name", "1 name", …: 0 is letter a. The format is Dovecot's.
const keywordFile = "dovecot-keywords"

// KeywordTable gives the keyword of each letter, a–z; "" where none is listed. Keywords are compared without case.
type KeywordTable [26]string

// Letters gives the letters of keywords, sorted, and the keywords that have none.
func (t *KeywordTable) Letters(ks Keywords) (letters string, without Keywords) {
	var l letterSet
	var rest []string
	for _, k := range ks.Names() {
		if i := t.index(k); i >= 0 {
			l |= 1 << i
		} else {
			rest = append(rest, k)
		}
	}
	return l.String(), NewKeywords(rest...)
}

// Keywords gives the keywords of letters, and the letters that are not listed: those are left alone and are no change.
func (t *KeywordTable) Keywords(letters string) (ks Keywords, unlisted string) {
	var names []string
	var l letterSet
	for i := range t {
		bit := letterSet(1) << i
		if lettersOf(letters)&bit == 0 {
			continue
		}
		if t[i] == "" {
			l |= bit
		} else {
			names = append(names, t[i])
		}
	}
	return NewKeywords(names...), l.String()
}

// Flags are those of a file. Of the keywords that it had before, those stay for which there is no letter: no name tells of them.
func (t *KeywordTable) Flags(e Entry, before Keywords) Flags {
	listed, _ := t.Keywords(e.Letters)
	return Flags{Set: e.Set, Keywords: t.withLetterless(listed, before)}
}

func (t *KeywordTable) withLetterless(ks, before Keywords) Keywords {
	if before == "" { // mostly
		return ks
	}
	_, without := t.Letters(before)
	if without == "" {
		return ks
	}
	return NewKeywords(string(ks), string(without))
}

// Carried reads the letters of a file that a program moved from one Maildir to another. Most programs leave a name as it is, so
// that its letters are those of from; some translate them, and letters may have changed besides. had are the keywords that the file
// had when its letters were before. Of the two readings that counts which leaves fewer letters unlisted, then that which
// changes less, then that of from.
func Carried(letters, before string, had Keywords, from, to *KeywordTable) Keywords {
	if letters == before {
		return had
	}
	there, unlisted := from.Keywords(letters)
	there = from.withLetterless(there, had)
	here, unknown := to.Keywords(letters)
	here = to.withLetterless(here, had)
	if cmp.Or(cmp.Compare(len(unlisted), len(unknown)), cmp.Compare(apart(there, had), apart(here, had))) > 0 {
		return here
	}
	return there
}

// apart is how many keywords only one of two has.
func apart(a, b Keywords) int {
	return len(Flags{Keywords: a}.Xor(Flags{Keywords: b}).Keywords.Names())
}

func (t *KeywordTable) index(keyword string) int {
	for i, k := range t {
		if k != "" && strings.EqualFold(k, keyword) {
			return i
		}
	}
	return -1
}

// Room says whether a keyword can be added.
func (t *KeywordTable) Room() bool { return slices.Contains(t[:], "") }

// add lists a keyword under the number after the highest, so that a letter that somebody once used is not used again
// before all are; only then the lowest free number. It answers with -1 when there is none.
func (t *KeywordTable) add(keyword string) int {
	top := len(t)
	for top > 0 && t[top-1] == "" {
		top--
	}
	for i := range t {
		if n := (top + i) % len(t); t[n] == "" {
			t[n] = keyword
			return n
		}
	}
	return -1
}

// parseKeywords reads tolerantly: lines that say nothing are skipped, the first of two with one number counts.
func parseKeywords(content string) (t KeywordTable) {
	for line := range strings.Lines(content) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if n, err := strconv.ParseUint(f[0], 10, 8); err == nil && int(n) < len(t) && t[n] == "" {
			t[n] = strings.Join(f[1:], "_") // a keyword has no spaces; the number is taken all the same
		}
	}
	return t
}

// Keywords reads the keyword table of the Maildir. Without a file it is empty.
func (d Dir) Keywords() (KeywordTable, error) {
	t, _, err := d.readKeywords()
	return t, err
}

func (d Dir) readKeywords() (KeywordTable, string, error) {
	b, err := ReadBeside(d.sub(keywordFile), true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return KeywordTable{}, "", fmt.Errorf("read keywords: %w", err)
	}
	return parseKeywords(string(b)), string(b), nil
}

// AddKeywords lists those keywords that the table lacks, as long as there are letters, and answers with the table as it
// is on disk then, durable. Numbers never change. Keywords left over have no letter ([KeywordTable.Letters] names them).
func (d Dir) AddKeywords(ks Keywords) (KeywordTable, error) {
	return d.addKeywords(ks, func(string, string) {})
}

func (d Dir) addKeywords(ks Keywords, step func(verb, path string)) (KeywordTable, error) {
	// Read again each time: another program may have listed some since.
	t, content, err := d.readKeywords()
	if err != nil {
		return t, err
	}
	old := len(content)
	if content != "" && !strings.HasSuffix(content, "\n") {
		content += "\n"
		old++
	}
	_, missing := t.Letters(ks)
	for _, k := range missing.Names() {
		if n := t.add(k); n >= 0 {
			content += fmt.Sprintf("%d %s\n", n, k) // what the file held stays, also what we cannot read
		}
	}
	if len(content) == old {
		return t, nil
	}
	if err := d.replaceKeywords(content, step); err != nil {
		return KeywordTable{}, fmt.Errorf("write keywords: %w", err)
	}
	return t, nil
}

// replaceKeywords: fsync file, rename, fsync folder. The new file begins in tmp/, where a crash may leave it.
func (d Dir) replaceKeywords(content string, step func(verb, path string)) error {
	tmp, to := d.sub("tmp", string(NewKey(time.Now()))), d.sub(keywordFile)
	mode := fs.FileMode(0o600)
	if fi, err := os.Stat(to); err == nil {
		mode = fi.Mode().Perm() // a shared Maildir stays shared
	}
	defer os.Remove(tmp) // after the rename there is nothing to remove
	if err := writeNew(tmp, content); err != nil {
		return err
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return err
	}
	step("fsync", tmp)
	if err := syncFile(tmp); err != nil {
		return err
	}
	step("rename", to)
	if err := os.Rename(tmp, to); err != nil {
		return err
	}
	step("fsync-dir", string(d))
	return SyncDir(string(d))
}

// writeNew makes a file that was not there, and never follows a link of its name.
func writeNew(path, content string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}
