package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// fleet is one account on a Dovecot and the devices that share it. Its letters are known by their number. The password is
// in $PW from the start, so that tests may run side by side.
type fleet struct {
	*testing.T
	server *dovecot.Server
	dir    string
	user   string
	client *imapclient.Client // of somebody who reads mail on the server
}

func newFleet(t *testing.T, o dovecot.Options) *fleet {
	f := &fleet{T: t, server: dovecot.Start(t, o), dir: dovecot.Dir(t)}
	f.login("alice")
	return f
}

// login begins a session.
func (f *fleet) login(user string) {
	f.Helper()
	client, err := imapclient.DialInsecure(dovecot.Address(f.server.IMAP), nil)
	f.ok(err)
	f.Cleanup(func() { client.Close() })
	f.client, f.user = client, user
	f.ok(client.Login(user, dovecot.Password).Wait())
}

// other is a fleet of another user of the same server.
func (f *fleet) other(t *testing.T, user string) *fleet {
	o := &fleet{T: t, server: f.server, dir: dovecot.Dir(t)}
	o.login(user)
	return o
}

func (f *fleet) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// device is a tree of Maildirs that something keeps equal with the account.
type device struct {
	*fleet
	name   string
	root   string
	layout maildir.Layout
	sync   func()
	mbsync bool
	folder func(mailbox string) string // nil: as the layout has it
	seq    int
}

// postie is a device kept by postie, with more lines for its account.
func (f *fleet) postie(name string, layout maildir.Layout, more ...string) *device {
	d := &device{fleet: f, name: name, root: filepath.Join(f.dir, name), layout: layout}
	kind := map[maildir.Layout]string{maildir.FS: "fs", maildir.MaildirPlusPlus: "maildir++"}[layout]
	text := fmt.Sprintf("[account.%s]\nprotocol = \"imap\"\nhost = %q\nport = %d\ntls = \"none\"\nuser = %q\npassword_env = \"PW\"\nmaildir = %q\nlayout = %q\n%s\n",
		name, dovecot.Host, f.server.IMAP, f.user, d.root, kind, strings.Join(more, "\n"))
	f.ok(os.WriteFile(d.config(), []byte(text), 0o600))
	d.sync = func() { d.Helper(); d.exits(exit.OK) }
	return d
}

func (d *device) config() string { return filepath.Join(d.dir, d.name+".toml") }

// run is one `postie sync`.
func (d *device) run(args ...string) (code int, output string) {
	var out bytes.Buffer
	code = run(append([]string{"sync", "-c", d.config()}, args...), &out, &out)
	return code, out.String()
}

// exits demands an exit code.
func (d *device) exits(want int, args ...string) string {
	d.Helper()
	code, out := d.run(args...)
	if code != want {
		d.Fatalf("%s: exit code %d, want %d\n%s", d.name, code, want, out)
	}
	return out
}

// rests demands that nothing is left to do.
func (d *device) rests() {
	d.Helper()
	if out := d.exits(exit.OK, "-n", "--json"); strings.Contains(out, `"event":"plan"`) {
		d.Fatalf("%s: something is left to do:\n%s", d.name, out)
	}
}

// isync is a device kept by mbsync, or where that is not installed, by postie.
func (f *fleet) isync(name string) *device {
	path, err := exec.LookPath("mbsync")
	if err != nil {
		f.Log("mbsync is not installed (Debian: isync): a third postie takes its place")
		return f.postie(name, maildir.FS, `max_delete = "100%"`)
	}
	d := &device{fleet: f, name: name, root: filepath.Join(f.dir, name), mbsync: true, folder: verbatim}
	f.ok(os.MkdirAll(d.root, 0o700))
	text := fmt.Sprintf("IMAPAccount a\nHost %s\nPort %d\nUser alice\nPass %q\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\n"+
		"MaildirStore near\nPath %s/\nInbox %s/INBOX\nSubFolders Verbatim\n\n"+
		"Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nCopyArrivalDate yes\nSyncState *\n",
		dovecot.Host, f.server.IMAP, dovecot.Password, d.root, d.root)
	f.ok(os.WriteFile(d.config(), []byte("FSync no\n\n"+text), 0o600))
	d.sync = func() {
		d.Helper()
		d.age()
		if out, err := exec.Command(path, "-c", d.config(), "-a", "-q").CombinedOutput(); err != nil {
			d.Fatalf("mbsync: %v\n%s", err, out)
		}
	}
	return d
}

// verbatim is the folder of a mailbox with mbsync's SubFolders Verbatim.
func verbatim(mailbox string) string { return strings.ReplaceAll(mailbox, "ü", "&APw-") }

// age makes the folders of a tree look as if nothing had happened in them for a while: mbsync waits for that.
func (d *device) age() {
	d.Helper()
	old := time.Now().Add(-time.Minute)
	d.ok(filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && (e.Name() == "cur" || e.Name() == "new") {
			err = os.Chtimes(path, old, old)
		}
		return err
	}))
}

// maildir is the Maildir of a mailbox.
func (d *device) maildir(mailbox string) maildir.Dir {
	if d.folder != nil {
		return maildir.Dir(filepath.Join(d.root, d.folder(mailbox)))
	}
	return maildir.Dir(filepath.Join(d.root, d.layout.Folder(strings.Split(mailbox, "/"))))
}

// letter is the wire form of letter n.
func letter(n int) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: letter %d\r\nMessage-ID: <%d@example.org>\r\n"+
		"Date: Mon, 03 Nov 2025 10:00:00 +0000\r\n\r\nHello %d.\r\n%s\r\n", n, n, n, strings.Repeat("x", n%50))
}

// deliver puts a letter into a Maildir as any mail program would.
func (d *device) deliver(mailbox string, n int, flags string) {
	d.Helper()
	dir := d.maildir(mailbox)
	d.ok(dir.Ensure())
	d.seq++
	name := fmt.Sprintf("%d.M%dP%dQ%d.%s", time.Now().Unix(), n, os.Getpid(), d.seq, d.name)
	tmp := filepath.Join(string(dir), "tmp", name)
	d.ok(os.WriteFile(tmp, []byte(strings.ReplaceAll(letter(n), "\r\n", "\n")), 0o600))
	to := filepath.Join(string(dir), "new", name)
	if flags != "" {
		to = filepath.Join(string(dir), "cur", name+":2,"+flags)
	}
	d.ok(os.Rename(tmp, to))
}

// file is a message on a device.
type file struct {
	mailbox string
	maildir.Entry
	n int
}

// files finds all of them.
func (d *device) files(mailboxes ...string) (all []file) {
	d.Helper()
	for _, mailbox := range mailboxes {
		dir := d.maildir(mailbox)
		if !paths.Exists(filepath.Join(string(dir), "cur")) {
			continue
		}
		for e, err := range dir.Scan() {
			d.ok(err)
			content, err := os.ReadFile(dir.Path(e))
			d.ok(err)
			all = append(all, file{mailbox, e, number(string(content))})
		}
	}
	slices.SortFunc(all, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.n, b.n), strings.Compare(string(a.Key), string(b.Key)))
	})
	return all
}

// find is the file of letter n.
func (d *device) find(mailbox string, n int) file {
	d.Helper()
	for _, f := range d.files(mailbox) {
		if f.n == n {
			return f
		}
	}
	d.Fatalf("%s: no letter %d in %s", d.name, n, mailbox)
	return file{}
}

// rename gives a file other flags.
func (d *device) rename(f file, flags string) {
	d.Helper()
	dir := d.maildir(f.mailbox)
	name, _, _ := strings.Cut(filepath.Base(dir.Path(f.Entry)), ":2,")
	d.ok(os.Rename(dir.Path(f.Entry), filepath.Join(string(dir), "cur", name+":2,"+flags)))
}

// move takes a file to another mailbox as it is, with the letters of keywords, which mean others there. What is mbsync's
// loses the UID in its name, as its manual wants.
func (d *device) move(f file, mailbox string) {
	d.Helper()
	from, to := d.maildir(f.mailbox), d.maildir(mailbox)
	d.ok(to.Ensure())
	name := filepath.Base(from.Path(f.Entry))
	if d.mbsync {
		name = regexp.MustCompile(`,U=\d+`).ReplaceAllString(name, "")
	}
	if !strings.Contains(name, ":2,") {
		name += ":2,"
	}
	d.ok(os.Rename(from.Path(f.Entry), filepath.Join(string(to), "cur", name)))
}

func (d *device) remove(f file) { d.Helper(); d.ok(os.Remove(d.maildir(f.mailbox).Path(f.Entry))) }

// number is which letter a content is.
func number(content string) int {
	_, rest, _ := strings.Cut(content, "Subject: letter ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return -1
	}
	return n
}

// item is a message as it lies somewhere.
type held struct {
	mailbox, flags, keywords string
	n                        int
	sum                      [32]byte
}

func (i held) String() string {
	return fmt.Sprintf("%s: letter %d %x [%s %s]", i.mailbox, i.n, i.sum[:4], i.flags, i.keywords)
}

// newHeld: mbsync and offlineimap mark what they upload by a header field of their own.
func newHeld(mailbox, content string, f maildir.FlagSet, keywords []string) held {
	content = regexp.MustCompile(`(?m)^X-(TUID|OfflineIMAP): .*\r\n`).ReplaceAllString(content, "")
	slices.Sort(keywords)
	return held{mailbox, f.String(), strings.Join(keywords, " "), number(content), sha256.Sum256([]byte(content))}
}

// here is what a device holds.
func (d *device) here(mailboxes ...string) (all []held) {
	d.Helper()
	for _, mailbox := range mailboxes {
		dir := d.maildir(mailbox)
		table, err := dir.Keywords()
		d.ok(err)
		for e, err := range dir.Scan() {
			d.ok(err)
			file, err := os.Open(dir.Path(e))
			d.ok(err)
			content, err := io.ReadAll(maildir.NewWireReader(file))
			d.ok(err)
			file.Close()
			keywords, _ := table.Keywords(e.Letters)
			all = append(all, newHeld(mailbox, string(content), e.Set, keywords.Names()))
		}
	}
	return all
}

// there is what the server holds, by UID.
func (f *fleet) there(mailboxes ...string) (all []held) {
	f.Helper()
	letters := map[imap.Flag]maildir.FlagSet{imap.FlagSeen: maildir.FlagSeen, imap.FlagAnswered: maildir.FlagReplied, imap.FlagFlagged: maildir.FlagFlagged,
		imap.FlagDraft: maildir.FlagDraft, imap.FlagDeleted: maildir.FlagTrashed, "$Forwarded": maildir.FlagPassed}
	for _, mailbox := range mailboxes {
		for _, m := range f.fetch(mailbox, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}) {
			var set maildir.FlagSet
			var keywords []string
			for _, flag := range m.Flags {
				if bit, ok := letters[flag]; ok {
					set |= bit
				} else if flag[0] != '\\' {
					keywords = append(keywords, string(flag))
				}
			}
			all = append(all, newHeld(mailbox, string(m.BodySection[0].Bytes), set, keywords))
		}
	}
	return all
}

// fetch asks for everything in a mailbox.
func (f *fleet) fetch(mailbox string, o *imap.FetchOptions) []*imapclient.FetchMessageBuffer {
	f.Helper()
	selected, err := f.client.Select(mailbox, nil).Wait()
	f.ok(err)
	if selected.NumMessages == 0 {
		return nil
	}
	all, err := f.client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, o).Collect()
	f.ok(err)
	return all
}

// uid is the message of letter n, in the mailbox that is then selected.
func (f *fleet) uid(mailbox string, n int) imap.UIDSet {
	f.Helper()
	for _, m := range f.fetch(mailbox, &imap.FetchOptions{UID: true, Envelope: true}) {
		if m.Envelope.Subject == fmt.Sprint("letter ", n) {
			return imap.UIDSetNum(m.UID)
		}
	}
	f.Fatalf("no letter %d in %s on the server", n, mailbox)
	return nil
}

// put appends letters.
func (f *fleet) put(mailbox string, from, to int, flags ...imap.Flag) {
	f.Helper()
	for n := from; n < to; n++ {
		text := letter(n)
		cmd := f.client.Append(mailbox, int64(len(text)), &imap.AppendOptions{Flags: flags, Time: time.Date(2025, 11, 3, 10, 0, n%60, 0, time.UTC)})
		_, err := io.WriteString(cmd, text)
		f.ok(err)
		f.ok(cmd.Close())
		_, err = cmd.Wait()
		f.ok(err)
	}
}

// expunge deletes letters of the selected mailbox.
func (f *fleet) expunge(set imap.UIDSet) {
	f.Helper()
	f.flag(set, imap.StoreFlagsAdd, imap.FlagDeleted)
	f.ok(f.client.UIDExpunge(set).Close())
}

func (f *fleet) flag(set imap.UIDSet, op imap.StoreFlagsOp, flags ...imap.Flag) {
	f.Helper()
	f.ok(f.client.Store(set, &imap.StoreFlags{Op: op, Silent: true, Flags: flags}, nil).Close())
}

// mailboxes are those on the server.
func (f *fleet) mailboxes() (names []string) {
	f.Helper()
	all, err := f.client.List("", "*", nil).Collect()
	f.ok(err)
	for _, m := range all {
		if !slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(m.Attrs, imap.MailboxAttrNonExistent) {
			names = append(names, m.Mailbox)
		}
	}
	slices.Sort(names)
	return names
}

// difference is what a and b do not have in common; "": they are equal.
func difference(a, b []held) string {
	count := map[string]int{}
	for _, i := range a {
		count[i.String()]++
	}
	for _, i := range b {
		count[i.String()]--
	}
	var lines []string
	for _, line := range slices.Sorted(maps.Keys(count)) {
		if n := count[line]; n != 0 {
			lines = append(lines, fmt.Sprintf("%+d %s", n, line))
		}
	}
	return strings.Join(lines, "\n")
}

// equal demands that a device holds what the server holds. mbsync knows no keywords.
func (d *device) equal() {
	d.Helper()
	all := d.mailboxes()
	here, there := d.here(all...), d.there(all...)
	if d.mbsync {
		for _, side := range [][]held{here, there} {
			for i := range side {
				side[i].keywords, side[i].flags = "", strings.ReplaceAll(side[i].flags, "P", "")
			}
		}
	}
	if text := difference(here, there); text != "" {
		d.Fatalf("%s (+) and the server (-) differ:\n%s", d.name, text)
	}
}
