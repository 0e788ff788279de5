package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/imaptest"
	"postie/imap/naming"
	"postie/maildir"
	"postie/maildir/source"
	"postie/testdata/dovecot"
)

// account is one account of a server, as runs see it.
type account struct {
	testing.TB
	server  *dovecot.Server
	user    string
	scheme  naming.Scheme
	quirks  []imaptest.Quirk
	appends atomic.Int64 // commands
	trips   atomic.Int64 // answers with a tag
	events  []Event
}

const manyUsers = 300

// rungs are the capabilities of servers.
func rungs() map[string]dovecot.Options {
	const old = "IMAP4rev1 SASL-IR ENABLE IDLE NAMESPACE UNSELECT CHILDREN"
	return map[string]dovecot.Options{
		"full":           {},
		"no MULTIAPPEND": {IMAPCapability: old + " LITERAL+ UIDPLUS LIST-EXTENDED LIST-STATUS"},
		"no UIDPLUS":     {IMAPCapability: old + " LITERAL+ MULTIAPPEND LIST-EXTENDED LIST-STATUS"},
		"LITERAL-":       {IMAPCapability: old + " LITERAL- UIDPLUS MULTIAPPEND"},
		"bare":           {IMAPCapability: "IMAP4rev1", Separator: "."},
		"below INBOX":    {IMAPCapability: old + " LITERAL+ UIDPLUS", Separator: ".", Prefix: "INBOX."},
	}
}

// street starts a server with many accounts and gives them one after the other.
func street(t testing.TB, o dovecot.Options) func(testing.TB) *account {
	for n := range manyUsers {
		o.Users = append(o.Users, fmt.Sprint("u", n))
	}
	server := dovecot.Start(t, o)
	sep := "/"
	if o.Separator != "" {
		sep = o.Separator
	}
	var n atomic.Int64
	return func(t testing.TB) *account {
		i := n.Add(1) - 1
		if i == manyUsers {
			t.Fatal("no users are left")
		}
		return &account{TB: t, server: server, user: fmt.Sprint("u", i), scheme: naming.Scheme{Prefix: o.Prefix, Delim: rune(sep[0])}}
	}
}

func (a *account) ok(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *account) options(root string) Options {
	a.Helper()
	tree, err := source.Find(root, source.Options{})
	a.ok(err)
	o := Options{Progress: func(e Event) { a.events = append(a.events, e) }}
	for _, m := range tree.Mailboxes {
		o.Mailboxes = append(o.Mailboxes, Mailbox{Name: m.Name, From: []*source.Mailbox{m}, Subscribe: m.Name != naming.Inbox})
	}
	o.IMAP = imap.Options{Dial: imaptest.Distort(a.server.DialIMAP, a.quirks...), Login: dovecot.User(a.user), Trace: func(dir byte, line string) {
		if os.Getenv("POSTIE_TEST_TRACE") != "" {
			fmt.Printf("%c %s\n", dir, line)
		}
		if _, rest, _ := strings.Cut(line, " "); dir == 'C' && strings.HasPrefix(rest, "APPEND ") {
			a.appends.Add(1)
		}
		if dir == 'S' && strings.HasPrefix(line, "T") {
			a.trips.Add(1)
		}
	}}
	return o
}

// run is one run from a tree.
func (a *account) run(root string, change func(*Options)) (Report, error) {
	a.Helper()
	o := a.options(root)
	if change != nil {
		change(&o)
	}
	a.events = nil
	a.appends.Store(0)
	a.trips.Store(0)
	return Run(context.Background(), o)
}

// restore demands that a run goes well.
func (a *account) restore(root string) Report {
	a.Helper()
	r, err := a.run(root, nil)
	a.ok(err)
	if r.Failed > 0 {
		a.Errorf("failed: %+v", a.failures())
	}
	return r
}

// rests demands that a run does nothing.
func (a *account) rests(root string) {
	a.Helper()
	r := a.restore(root)
	if n := a.appends.Load(); n > 0 || r.Uploaded+r.Flags+r.Created > 0 {
		a.Errorf("another run did something: %d APPENDs, %+v", n, r)
	}
}

func (a *account) failures() (all []string) {
	for _, e := range a.events {
		if f, ok := e.(Failed); ok {
			all = append(all, fmt.Sprintf("%s %s: %v", f.Mailbox, filepath.Base(f.Where), f.Err))
		}
	}
	return all
}

func (a *account) notices() (all []string) {
	for _, e := range a.events {
		if n, ok := e.(Notice); ok {
			all = append(all, n.Mailbox+": "+n.Text)
		}
	}
	return all
}

// mail is content with flags and date, sorted, by mailbox.
type mail map[string][]string

func (m mail) add(mailbox string, content []byte, f maildir.Flags, date time.Time) {
	m[mailbox] = append(m[mailbox], fmt.Sprintf("%s: %.60q %x [%s %s] %s", mailbox, content, sha256.Sum256(content), f.Set, f.Keywords, date.UTC().Format(time.DateTime)))
	slices.Sort(m[mailbox])
}

// less lists what m has and other has not, by count.
func (m mail) less(other mail) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		rest := slices.Clone(other[name])
		for _, line := range m[name] {
			if i := slices.Index(rest, line); i >= 0 {
				rest = slices.Delete(rest, i, i+1)
			} else {
				out = append(out, line)
			}
		}
	}
	return out
}

func (a *account) there() mail {
	a.Helper()
	s, err := imap.Connect(context.Background(), imap.Options{Dial: a.server.DialIMAP, Login: dovecot.User(a.user)})
	a.ok(err)
	defer s.Close()
	boxes, err := s.List(context.Background(), false)
	a.ok(err)
	all := mail{}
	for _, m := range boxes {
		if !m.Selectable() {
			continue
		}
		name := a.scheme.Ours(m.Name)
		sel, err := s.Select(context.Background(), m.Name, nil)
		a.ok(err)
		if sel.Exists == 0 {
			continue
		}
		for m, err := range s.FetchBodies(context.Background(), changes.Every()) {
			a.ok(err)
			body, err := io.ReadAll(m.Body)
			a.ok(err)
			all.add(name, body, changes.FlagsOf(m.Flags), m.Date)
		}
	}
	return all
}

// here is the mail of a tree.
func here(t testing.TB, root string) mail {
	t.Helper()
	tree, err := source.Find(root, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := mail{}
	for _, m := range tree.Mailboxes {
		for msg, err := range m.Read(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			r, err := msg.Open()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(r); err != nil || r.Close() != nil {
				t.Fatal(err)
			}
			all.add(m.Name, b.Bytes(), msg.Flags, msg.Date)
		}
	}
	return all
}

// equal demands that the account holds what the tree does.
func (a *account) equal(want mail, when string) {
	a.Helper()
	got := a.there()
	if missing, more := want.less(got), got.less(want); len(missing)+len(more) > 0 {
		a.Fatalf("%s\nmissing:\n%s\nmore:\n%s", when, strings.Join(missing, "\n"), strings.Join(more, "\n"))
	}
}

// letter is a message file.
func letter(n int) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\nSubject: letter %d\nMessage-ID: <%d@example.org>\n\nHello %d.\n%s\n", n, n, n, strings.Repeat("x", n%50))
}

// put puts a file into a Maildir, with its date.
func put(t testing.TB, root, path, text string, day int) {
	t.Helper()
	file := filepath.Join(root, path)
	date := time.Date(2020, 1, 1+day, 10, day%60, 0, 0, time.UTC)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, date, date)); err != nil {
		t.Fatal(err)
	}
}

// tree is mail of all kinds: flags, keywords, equal copies, without Message-ID, one Message-ID for two messages, without a line end, 8-bit.
func tree(t testing.TB) string {
	root := filepath.Join(dovecot.Dir(t), "mail")
	put(t, root, "INBOX/dovecot-keywords", "0 work\n1 $Junk\n", 0)
	for n := range 6 {
		put(t, root, fmt.Sprintf("INBOX/cur/%d.a:2,%s", n, []string{"", "S", "FS", "Sa", "RSab", "D"}[n]), letter(n), 50-n)
	}
	put(t, root, "INBOX/new/7.new", letter(7), 7)
	put(t, root, "INBOX/cur/8.twin:2,S", letter(8), 8)
	put(t, root, "INBOX/cur/9.twin:2,S", letter(8), 8)
	put(t, root, "INBOX/cur/10.twin:2,", letter(8), 9)
	put(t, root, "INBOX/cur/11.nameless:2,P", "Subject: nameless\n\na\n", 11)
	put(t, root, "INBOX/cur/12.nameless:2,", "Subject: nameless\n\nanother\n", 12)
	put(t, root, "INBOX/cur/13.again:2,", strings.Replace(letter(1), "Hello", "Hello again,", 1), 13)
	put(t, root, "Lists/go/cur/14.open:2,S", "Subject: open\nMessage-ID: <open@x>\n\nno line end", 14)
	put(t, root, "Lists/go/cur/15.8bit:2,S", "Subject: 8bit\nMessage-ID: <8@x>\n\n\xff\xfe\xe4 \r \x01\n", 15)
	put(t, root, "Entwürfe & so/cur/16.d:2,D", letter(16), 16)
	put(t, root, "Entwürfe & so/cur/17.large:2,", letter(17)+strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\n", 200), 17)
	put(t, root, "Empty/cur/.keep", "", 0)
	return root
}
