package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/imaptest"
	"postie/maildir"
	"postie/maildir/index"
	"postie/testdata/dovecot"
)

// lastUIDs is a server without UIDNEXT whose messages 1 to count of INBOX have the last UIDs that there are.
func lastUIDs(count uint64) imaptest.Quirk {
	const shift = 1<<32 - 1
	numbers := func(text string, f func(uint64) uint64) string {
		return regexp.MustCompile(`\d+`).ReplaceAllStringFunc(text, func(n string) string {
			v, _ := strconv.ParseUint(n, 10, 64)
			return fmt.Sprint(f(v))
		})
	}
	up := func(n uint64) uint64 { return n + shift - count }
	down := func(n uint64) uint64 { return max(n, shift-count+1) - (shift - count) }
	says := regexp.MustCompile(`^(\* \d+ FETCH \(.*?\bUID |\* SEARCH|\S+ OK \[COPYUID \d+ |\* OK \[COPYUID \d+ )([\d ,:]+)(.*)$`)
	hears := regexp.MustCompile(`^(\S+ UID (?:FETCH|STORE|COPY|MOVE|EXPUNGE) |\S+ UID SEARCH UID )(\S+)(.*)$`)
	return imaptest.Quirk{
		Says: func(d *imaptest.Dialogue, response string) []string {
			line, rest, _ := strings.Cut(response, "\r\n")
			m := says.FindStringSubmatch(line)
			if m == nil || d.Selected != "INBOX" {
				return []string{response}
			}
			uids, more, both := m[2], "", strings.Contains(m[1], "COPYUID")
			if both {
				uids, more, _ = strings.Cut(m[2], " ")
				more = " " + more
			}
			out := m[1] + numbers(uids, up) + more + m[3]
			if rest != "" {
				out += "\r\n" + rest
			}
			return []string{out}
		},
		Hears: func(d *imaptest.Dialogue, command string) string {
			m := hears.FindStringSubmatch(command)
			if m == nil || d.Selected != "INBOX" {
				return command
			}
			return m[1] + numbers(m[2], down) + m[3]
		},
	}
}

// The last UID that there is comes down, gets flags from either side, moves and is expunged as any other.
func TestLastUID(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, move := range []bool{true, false} {
		d := w.device(t, slices.Concat(quirks{lastUIDs(3)}, oldest(), quirks{imaptest.Replace(`UIDNEXT`, "XNEXT")})...)
		s := d.remote()
		d.create(s, "A")
		d.put(s, "INBOX", 50, 53)
		d.put(s, "A", 60, 62)
		d.sync()
		d.equal()
		d.opened(func() {
			b, err := base.Open(context.Background(), d.store, index.Login{User: "alice", Host: "localhost"})
			d.ok(err)
			boxes, err := b.Mailboxes(context.Background())
			d.ok(err)
			for _, m := range boxes {
				rows := 0
				for row, err := range b.ByUID(context.Background(), m.ID, goimap.UIDSetNum(1<<32-1)) {
					if rows++; err != nil || row.UID != 1<<32-1 {
						t.Error(row, err)
					}
				}
				if (m.Name == "INBOX") != (rows == 1) {
					t.Errorf("%s has %d messages with that UID", m.Name, rows)
				}
			}
		})
		d.flag("INBOX", 52, maildir.FlagFlagged)
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered}, 0)
		d.ok(err)
		d.sync()
		d.equal()
		if move {
			_, err = d.dir("INBOX").MoveTo(d.file("INBOX", 52), d.dir("A"))
			d.ok(err)
		} else {
			d.ok(d.dir("INBOX").Remove(d.file("INBOX", 52)))
		}
		d.sync()
		d.equal()
		d.select_(s, "INBOX")
		if left, err := s.SearchAll(context.Background()); err != nil || left.Contains(3) {
			t.Errorf("left: %s, %v", left, err)
		}
		d.quiet()
	}
}

// A HIGHESTMODSEQ that an earlier version stored, and that no server may give (RFC 7162 section 3.1.1: 63 bits), is read as none: all is read.
func TestStoredModSeq(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t)
	s := d.remote()
	beginning(d, s)
	d.sync()
	d.opened(func() {
		d.ok(d.store.Write(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE box SET modseq = ?", int64(-1<<63+5)) // as 1<<63 + 5 came to lie there
			return err
		}))
	})
	d.put(s, "INBOX", 50, 52)
	d.flag("INBOX", 1, maildir.FlagFlagged)
	if r := d.sync(); r.New != 2 || r.FlagsPushed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded > 0 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}

// Who interrupts a run gets the message in hand whole, and recorded; the next run brings the others, and none twice.
func TestInterrupted(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t)
	d.put(d.remote(), "INBOX", 0, 40)
	ctx, cancel := context.WithCancel(context.Background())
	begun, stored := 0, 0
	_, err := d.run(func(o *Options) {
		o.InHand = func() func() {
			begun++
			return func() {
				if begun == 10 {
					cancel()
				}
			}
		}
		tell := o.Progress
		o.Progress = func(e Event) {
			if _, ok := e.(Stored); ok {
				stored++
			}
			tell(e)
		}
		o.Batch = 4
		d.context = ctx
	})
	d.context = nil
	if !errors.Is(err, context.Canceled) || stored != 10 || len(d.entries("INBOX")) != 10 {
		t.Errorf("%v: %d begun, %d stored, %d here", err, begun, stored, len(d.entries("INBOX")))
	}
	if r := d.sync(); r.New != 40-stored {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}
