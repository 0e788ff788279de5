package mirror

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// keeper starts a server that keeps line ends as they are, which Dovecot does not.
func keeper(t *testing.T) *dovecot.Server {
	t.Helper()
	server, _ := inMemory(t)
	return server
}

// inMemory starts a server with MOVE and UIDPLUS, and without mod-sequences, that holds the mail of one user in memory.
func inMemory(t *testing.T) (*dovecot.Server, *imapmemserver.User) {
	t.Helper()
	user := imapmemserver.NewUser("alice", dovecot.Password)
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	store := imapmemserver.New()
	store.AddUser(user)
	srv := imapserver.New(&imapserver.Options{Caps: goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapUIDPlus: {}, goimap.CapMove: {}}, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return store.NewSession(), nil, nil
		}})
	l, err := net.Listen("tcp", net.JoinHostPort(dovecot.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return &dovecot.Server{IMAP: l.Addr().(*net.TCPAddr).Port}, user
}

// crooked is a letter whose line ends a Maildir cannot hold: CR CR LF and bare LFs.
func crooked(n int) string {
	return strings.Replace(letter(n), "Hello", "Crooked\r\r\nlines\n\nHello", 1)
}

// A message whose file does not give back what the server sent is known again by what its file does give, under any key.
func TestInexact(t *testing.T) {
	t.Parallel()
	d := newDeviceOn(t, keeper(t), dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	for n := range 6 {
		_, err := s.Append(t.Context(), "INBOX", imap.Upload{Size: int64(len(crooked(n))), Body: strings.NewReader(crooked(n))})
		d.ok(err)
	}
	d.sync()
	before := d.wires()
	if strings.Contains(before, "true") {
		t.Fatalf("exact:\n%s", before)
	}
	put := func(n int, name string, move bool) {
		t.Helper()
		e := d.file("INBOX", n)
		from := d.dir("INBOX").Path(e)
		if name == "" {
			name = filepath.Base(from)
		}
		to := filepath.Join(string(d.dir("A")), "cur", name)
		if move {
			d.ok(os.Rename(from, to))
			return
		}
		content, err := os.ReadFile(from)
		d.ok(err, os.WriteFile(to, content, 0o600))
	}
	put(0, "", true)                        // as most programs do
	put(1, "1762164000.new.name:2,S", true) // as mutt does
	e := d.file("INBOX", 2)                 // the same, in one folder
	d.ok(os.Rename(d.dir("INBOX").Path(e), filepath.Join(string(d.dir("INBOX")), "cur", "1762164000.other.name:2,")))
	r := d.sync()
	if r.Moved != 2 || r.New+r.Uploaded+r.DeletedRemote+r.DeletedLocal != 0 {
		t.Errorf("moved: %+v", r)
	}
	d.rest()
	if after := d.wires(); after != before {
		t.Errorf("wire forms are\n%s, were\n%s", after, before)
	}
	put(3, "", false) // a copy is what the file gives, which is another message
	put(4, "1762164000.copy.name:2,", false)
	if r := d.sync(); r.Uploaded != 2 || r.New+r.Moved+r.DeletedRemote+r.DeletedLocal != 0 {
		t.Errorf("copied: %+v", r)
	}
	d.rest()
	if n := len(d.there()["A"]); n != 4 {
		t.Errorf("%d there", n)
	}
}

// What is put back from here on the server is known again, also where the file gives other octets than the server did: nothing is new then, and
// nothing is deleted, whether the run before had seen that it was gone or not.
func TestPutBack(t *testing.T) {
	t.Parallel()
	for _, direction := range []plan.Direction{plan.BothWays, plan.Archive} {
		d := newDeviceOn(t, keeper(t), dovecot.Options{})
		d.policy.Terms.Direction = direction
		s := d.remote()
		for n := range 4 {
			_, err := s.Append(t.Context(), "INBOX", imap.Upload{Size: int64(len(crooked(n))), Body: strings.NewReader(crooked(n))})
			d.ok(err)
		}
		d.sync()
		_, err := s.Select(t.Context(), "INBOX", nil)
		d.ok(err)
		_, err = s.Store(t.Context(), goimap.UIDSetNum(1, 2, 3, 4), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err, s.ExpungeAll(t.Context()))
		if direction == plan.Archive {
			d.sync()
		}
		for n := range 4 {
			f, err := os.Open(d.dir("INBOX").Path(d.file("INBOX", n)))
			d.ok(err)
			wire, err := io.ReadAll(maildir.NewWireReader(f))
			d.ok(err, f.Close())
			_, err = s.Append(t.Context(), "INBOX", imap.Upload{Size: int64(len(wire)), Body: bytes.NewReader(wire)})
			d.ok(err)
		}
		if r := d.sync(); r.New+r.Uploaded+r.DeletedRemote+r.DeletedLocal != 0 {
			t.Errorf("%v: %+v", direction, r)
		}
		d.rest()
		if n := len(d.there()["INBOX"]); n != 4 {
			t.Errorf("%v: %d there", direction, n)
		}
	}
}

// wires are the wire forms in the index.
func (d *device) wires() string {
	d.Helper()
	var lines []string
	d.opened(func() {
		for m, err := range query.List(d.Context(), d.store, query.ListOptions{}) {
			d.ok(err)
			lines = append(lines, fmt.Sprintf("%s %d %x %v", m.Summary.Subject, m.Wire.Size, m.Wire.Hash[:4], m.Wire.Exact))
		}
	})
	return strings.Join(lines, "\n")
}
