package mirror

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/imaptest"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// Capabilities on which the rungs of the ladder stand.
func rungs() map[string]dovecot.Options {
	const old = "IMAP4rev1 LITERAL+ SASL-IR ENABLE IDLE NAMESPACE UNSELECT CHILDREN"
	return map[string]dovecot.Options{
		"full":         {},
		"no QRESYNC":   {IMAPCapability: old + " CONDSTORE UIDPLUS MOVE ESEARCH LIST-EXTENDED LIST-STATUS"},
		"no CONDSTORE": {IMAPCapability: old + " UIDPLUS MOVE ESEARCH LIST-EXTENDED LIST-STATUS"},
		"no UIDPLUS":   {IMAPCapability: old + " CONDSTORE QRESYNC MOVE ESEARCH LIST-EXTENDED LIST-STATUS"},
		"no MOVE":      {IMAPCapability: old + " CONDSTORE QRESYNC UIDPLUS ESEARCH LIST-EXTENDED LIST-STATUS"},
		"bare":         {IMAPCapability: "IMAP4rev1", Separator: "."},
		"below INBOX":  {IMAPCapability: old + " UIDPLUS", Separator: ".", Prefix: "INBOX."},
	}
}

// device is one Maildir root and its index.
type device struct {
	*testing.T
	server   *dovecot.Server
	root     string
	layout   maildir.Layout
	user     string
	policy   plan.Policy
	patterns []string
	store    *index.Store
	context  context.Context // of runs; nil: one that does not end
	clock    time.Duration   // ahead of the real time, so that mtimes are settled
	events   []Event
	trips    *atomic.Int64 // answers with a tag
	prefix   string
	sep      string
	quirks   []imaptest.Quirk   // of the server, as a run sees it
	bodies   *atomic.Int64      // that came
	window   int                // Options.Window
	without  []goimap.Cap       // of imap.Options
	idle     time.Duration      // of imap.Options
	text     func(n int) string // of letter n; nil: letter
}

// newDevice is a device of a user that nobody else has, of a server that all tests share which want that kind.
func newDevice(t *testing.T, o dovecot.Options) *device {
	t.Helper()
	return newStreet(t, o).device(t)
}

// newDeviceOn is a device of alice on a server of its own.
func newDeviceOn(t *testing.T, server *dovecot.Server, o dovecot.Options) *device {
	d := &device{T: t, server: server, root: filepath.Join(dovecot.Dir(t), "mail"), user: "alice", prefix: o.Prefix, sep: o.Separator, clock: time.Hour, trips: new(atomic.Int64), bodies: new(atomic.Int64)}
	if d.sep == "" {
		d.sep = "/"
	}
	d.policy = usual()
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// distorted dials the server with its quirks.
func (d *device) distorted() func(context.Context) (net.Conn, error) {
	return imaptest.Distort(d.server.DialIMAP, d.quirks...)
}

func (d *device) options() Options {
	return Options{
		Account: index.Login{User: "alice", Host: "localhost"}, Store: d.store, Root: d.root, Layout: d.layout, Policy: d.policy, Mailboxes: d.patterns,
		IMAP: imap.Options{Dial: d.distorted(), Without: d.without, Idle: d.idle, Login: dovecot.User(d.user), Trace: func(dir byte, line string) {
			if dir == 'S' && strings.HasPrefix(line, "T") {
				d.trips.Add(1)
			}
			if dir == 'S' && strings.Contains(strings.ToUpper(line), "BODY[] {") {
				d.bodies.Add(1)
			}
			if os.Getenv("POSTIE_TEST_TRACE") != "" {
				fmt.Printf("%c %s\n", dir, line)
			}
		}},
		Progress: func(e Event) { d.events = append(d.events, e) },
		Window:   cmp.Or(d.window, 3), // so that small mailboxes need several, and every test tries them
		Now:      func() time.Time { return time.Now().Add(d.clock) },
	}
}

// run is one run, with a store of its own.
func (d *device) run(change func(*Options)) (Report, error) {
	d.Helper()
	return d.do(Run, change)
}

// do is one Run, or something else that needs the same.
func (d *device) do(what func(context.Context, Options) (Report, error), change func(*Options)) (Report, error) {
	d.Helper()
	store, err := index.Open(context.Background(), maildir.Dir(d.root), nil)
	if err != nil {
		d.Fatal(err)
	}
	d.store = store
	defer store.Close()
	d.events = nil
	d.trips.Store(0)
	d.bodies.Store(0)
	o := d.options()
	if change != nil {
		change(&o)
	}
	return what(cmp.Or(d.context, context.Background()), o)
}

// sync demands that a run goes well.
func (d *device) sync() Report {
	d.Helper()
	r, err := d.run(nil)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range d.events {
		if f, ok := e.(Failed); ok {
			d.Errorf("failed: %+v", f)
		}
	}
	return r
}

// rest demands that nothing is left to do.
func (d *device) rest() {
	d.Helper()
	r, err := d.run(func(o *Options) { o.DryRun = true })
	if err != nil {
		d.Fatal(err)
	}
	if len(r.Plan.Ops) > 0 || len(r.Guards) > 0 {
		d.Errorf("something is left: %v %v", r.Plan.Ops, r.Guards)
	}
}

// remote is a session of somebody else.
func (d *device) remote() *imap.Session {
	d.Helper()
	s, err := imap.Connect(context.Background(), imap.Options{Dial: d.server.DialIMAP, Login: dovecot.User(d.user)})
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { s.Close() })
	return s
}

// theirs is the server's name of a mailbox.
func (d *device) theirs(name string) string {
	s, _ := naming.Scheme{Prefix: d.prefix, Delim: rune(d.sep[0])}.Theirs(name)
	return s
}

func letter(n int) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: letter %d\r\nMessage-ID: <%d@example.org>\r\n"+
		"Date: Mon, 03 Nov 2025 10:00:00 +0000\r\n\r\nHello %d.\r\n%s\r\n", n, n, n, strings.Repeat("x", n%50))
}

func (d *device) letter(n int) string {
	if d.text == nil {
		return letter(n)
	}
	return d.text(n)
}

func (d *device) ok(errs ...error) {
	d.Helper()
	for _, err := range errs {
		if err != nil {
			d.Fatal(err)
		}
	}
}

// dateOf is the INTERNALDATE of a letter.
func dateOf(n int) time.Time { return time.Date(2025, 11, 3, 10, 0, n%60, 0, time.UTC) }

// put appends letters on the server.
func (d *device) put(s *imap.Session, name string, from, to int, flags ...goimap.Flag) {
	d.Helper()
	for n := from; n < to; n++ {
		text := d.letter(n)
		_, err := s.Append(context.Background(), d.theirs(name), imap.Upload{Flags: flags, Date: dateOf(n),
			Size: int64(len(text)), Body: strings.NewReader(text)})
		d.ok(err)
	}
}

func (d *device) create(s *imap.Session, name string) {
	d.Helper()
	d.ok(s.Create(context.Background(), d.theirs(name)))
}

func (d *device) dir(name string) maildir.Dir {
	return maildir.Dir(filepath.Join(d.root, d.layout.Folder(naming.Split(name))))
}

// mails are contents with flags, by mailbox: what must be equal on both sides.
type mails map[string][]string

func (m mails) add(mailbox, content string, f maildir.Flags) {
	subject, _, _ := strings.Cut(content[strings.Index(content, "Subject:")+1:], "\r\n")
	m[mailbox] = append(m[mailbox], fmt.Sprintf("%s: %q %x [%s %s]", mailbox, subject, sha256.Sum256([]byte(content)), f.Set, f.Keywords))
}

// less lists what m has and other has not.
func (m mails) less(other mails) (out []string) {
	for name, all := range m {
		if _, ok := other[name]; !ok {
			out = append(out, "the mailbox "+name)
		}
		rest := slices.Clone(other[name])
		for _, line := range all {
			if i := slices.Index(rest, line); i >= 0 {
				rest = slices.Delete(rest, i, i+1)
			} else {
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (d *device) here() mails {
	d.Helper()
	all := mails{}
	found, err := d.layout.Maildirs(d.root, false)
	d.ok(err)
	for _, folder := range found.Maildirs {
		parts, _ := d.layout.Mailbox(folder)
		name := strings.Join(parts, "/")
		all[name] = nil
		dir := maildir.Dir(filepath.Join(d.root, folder))
		table, err := dir.Keywords()
		d.ok(err)
		for e, err := range dir.Scan() {
			d.ok(err)
			f, err := os.Open(dir.Path(e))
			d.ok(err)
			content, err := io.ReadAll(maildir.NewWireReader(f))
			d.ok(err, f.Close())
			all.add(name, string(content), table.Flags(e, ""))
		}
	}
	return all
}

func (d *device) there() mails {
	d.Helper()
	all := mails{}
	s := d.remote()
	boxes, err := s.List(context.Background(), false)
	d.ok(err)
	for _, m := range boxes {
		if !m.Selectable() {
			continue
		}
		name := naming.Scheme{Prefix: d.prefix, Delim: rune(d.sep[0])}.Ours(m.Name)
		all[name] = nil
		sel, err := s.Select(context.Background(), m.Name, nil)
		d.ok(err)
		if sel.Exists == 0 {
			continue
		}
		for m, err := range s.FetchBodies(context.Background(), changes.Every()) {
			d.ok(err)
			var b bytes.Buffer
			_, err := b.ReadFrom(m.Body)
			d.ok(err)
			all.add(name, b.String(), changes.FlagsOf(m.Flags))
		}
	}
	s.Close()
	return all
}

// equal demands that both sides hold the same.
func (d *device) equal() {
	d.Helper()
	here, there := d.here(), d.there()
	a, b := here.less(there), there.less(here)
	if len(a)+len(b) > 0 {
		d.Fatalf("only here:\n%s\nonly there:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

// entries lists the files of a mailbox, by key.
func (d *device) entries(name string) []maildir.Entry {
	d.Helper()
	var all []maildir.Entry
	for e, err := range d.dir(name).Scan() {
		d.ok(err)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b maildir.Entry) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}

// file finds the file of a letter.
func (d *device) file(name string, n int) maildir.Entry {
	d.Helper()
	for _, e := range d.entries(name) {
		b, err := os.ReadFile(d.dir(name).Path(e))
		d.ok(err)
		if strings.Contains(string(b), fmt.Sprintf("Subject: letter %d\n", n)) {
			return e
		}
	}
	d.Fatalf("no letter %d in %s", n, name)
	return maildir.Entry{}
}

// deliver puts a letter into a Maildir as another program would.
func (d *device) deliver(name string, n int) {
	d.Helper()
	d.ok(d.dir(name).Ensure())
	file := filepath.Join(string(d.dir(name)), "new", fmt.Sprintf("%d.local%d.host", time.Now().Unix(), n))
	d.ok(os.WriteFile(file, []byte(strings.ReplaceAll(d.letter(n), "\r\n", "\n")), 0o600))
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

func usual() plan.Policy { return plan.Policy{MaxDelete: .3, Expunge: true, Create: plan.Both} }

func listAll() query.ListOptions { return query.ListOptions{} }

// opened opens the index for a look.
func (d *device) opened(do func()) {
	d.Helper()
	store, err := index.Open(context.Background(), maildir.Dir(d.root), nil)
	d.ok(err)
	defer store.Close()
	d.store = store
	do()
}

// uidsOf are the UIDs that a letter has in the selected mailbox.
func uidsOf(ctx context.Context, s *imap.Session, letter int) (goimap.UIDSet, error) {
	return s.Search(ctx, &goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: fmt.Sprintf("<%d@example.org>", letter)}}})
}
