package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// Stamp says when names in new/ and cur/ last changed: two mtimes in nanoseconds. Equal stamps, the older
// one Settled, mean that the folder need not be scanned.
type Stamp struct{ New, Cur int64 }

// Settled reports whether the stamp may be relied on later: not if an mtime lies within the two seconds before
// the scan began (or after it), because file systems with coarse clocks hide a second change in the same tick.
func (s Stamp) Settled(scannedAt time.Time) bool {
	return max(s.New, s.Cur) < scannedAt.Add(-2*time.Second).UnixNano()
}

// Places say which folders new/ and cur/ are: what was removed and made again is another one. "" is not known, as where a file
// system gives a folder another number each time it is mounted.
type Places struct{ New, Cur string }

// Others names those of new/ and cur/ that are known to be other folders in p than in was.
func (p Places) Others(was Places) (subs []string) {
	if p.New != was.New && p.New != "" && was.New != "" {
		subs = append(subs, "new")
	}
	if p.Cur != was.Cur && p.Cur != "" && was.Cur != "" {
		subs = append(subs, "cur")
	}
	return subs
}

// Parts is how the folders of a Maildir are, which need not be whole.
type Parts struct {
	Stamp
	Places
	Lost []string // those of new/ and cur/ that are not there as folders; their mtime is 0, their place ""
}

// Parts looks at new/ and cur/. Lost are those that were removed, or have something else in their place, such as a file, or a symbolic
// link to nothing. Take it before a scan, not after.
func (d Dir) Parts() (p Parts, err error) {
	for _, sub := range []string{"new", "cur"} {
		mtime, place, dir, err := look(d.sub(sub))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), err == nil && !dir:
			p.Lost = append(p.Lost, sub)
		case err != nil:
			return Parts{}, fmt.Errorf("stamp: %w", err)
		case sub == "new":
			p.Stamp.New, p.Places.New = mtime, place
		default:
			p.Stamp.Cur, p.Places.Cur = mtime, place
		}
	}
	return p, nil
}

// Record is how a Stamp and Places are kept in a database.
func Record(s Stamp, p Places) string {
	if s == (Stamp{}) && p == (Places{}) {
		return ""
	}
	text := fmt.Sprintf("%d %d", s.New, s.Cur)
	if p.New != "" && p.Cur != "" {
		text += " " + p.New + " " + p.Cur
	}
	return text
}

// Recorded is the reverse of Record. What cannot be read is not known.
func Recorded(text string) (s Stamp, p Places) {
	n, _ := fmt.Sscanf(text, "%d %d %s %s", &s.New, &s.Cur, &p.New, &p.Cur)
	if n < 2 {
		s = Stamp{}
	}
	if n < 4 {
		p = Places{}
	}
	return s, p
}
