package mirror

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// A file goes to and fro between two folders during a run, at every time that a folder begins to be read, so that a reading
// may find it in both, or in none; and somebody lists the mail after each of its moves. Whatever the rhythm, it is no new message, and not deleted.
func TestReadWhileAFileGoesToAndFro(t *testing.T) {
	t.Parallel()
	d, ways, beats := motion(t), [][2]string{{"A", "INBOX"}}, 5
	if thorough() {
		ways, beats = [][2]string{{"A", "INBOX"}, {"INBOX", "A"}, {"A", "B"}, {"B", "A"}}, 7
	}
	for _, way := range ways {
		for _, rhythm := range rhythms(beats) {
			d.toAndFro(way[0], way[1], rhythm)
		}
	}
}

// rhythms are all sequences of n times at which something happens or does not. What follows them is the same again.
func rhythms(n int) (all [][]bool) {
	for bits := 1; bits < 1<<n; bits++ {
		rhythm := make([]bool, n)
		for i := range rhythm {
			rhythm[i] = bits>>i&1 != 0
		}
		all = append(all, rhythm)
	}
	return all
}

func (d *device) toAndFro(from, to string, rhythm []bool) {
	d.Helper()
	e, calls := d.entries(from)[3], 0
	for _, b := range []string{from, to} { // so that both are read
		f := d.entries(b)[5]
		_, err := d.dir(b).SetFlags(f, f.Set^maildir.FlagFlagged, f.Letters)
		d.ok(err)
	}
	in, other := from, to
	r, err := d.run(func(o *Options) {
		now := o.Now
		o.Now = func() time.Time {
			if calls++; rhythm[calls%len(rhythm)] {
				e, _, err := look.File(d.Context(), d.dir(in), e.Key)
				d.ok(err)
				_, err = d.dir(in).MoveTo(e, d.dir(other))
				d.ok(err)
				in, other = other, in
				d.reads()
			}
			return now()
		}
	})
	d.untouched(r, err, fmt.Sprintf("%s to %s, %v", from, to, rhythm))
	if in == to {
		e, _, err := look.File(d.Context(), d.dir(to), e.Key)
		d.ok(err)
		_, err = d.dir(to).MoveTo(e, d.dir(from))
		d.ok(err)
		d.sync()
	}
}

// reads does to the index what postie list does.
func (d *device) reads() {
	d.Helper()
	ctx := context.Background()
	store, err := index.Open(ctx, maildir.Dir(d.root), &index.Options{Read: true})
	d.ok(err)
	defer store.Close()
	hidden, err := store.Follow(ctx)
	d.ok(err)
	_, err = store.Counts(ctx, hidden)
	d.ok(err)
}
