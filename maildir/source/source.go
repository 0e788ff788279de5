// Package source reads mail as other programs keep it, as mailboxes of messages: Maildirs (postie's, Dovecot's, mbsync's,
// offlineimap's, in folders below one another or behind dots), mbox files (Thunderbird's folders among them) and trees of .eml files. It
// only reads, and makes nothing where the mail is.
package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postie/maildir"
	"postie/maildir/message"
)

// Options say what is known of a tree beside what its files tell: postie's index knows names that were too long for a
// folder, and keywords for which there was no letter. The zero value is useful.
type Options struct {
	Name     func(folder string) string             // the mailbox of a Maildir, by its path below the root, "." the root; "": not known
	Keywords func(key maildir.Key) maildir.Keywords // those of a message that its name does not tell

	// Subscribed says whether the mailbox of a Maildir is subscribed on the server that it came from; known is false where nobody knows.
	Subscribed func(folder string) (subscribed, known bool)
}

// Tree is the mail below a path.
type Tree struct {
	Mailboxes []*Mailbox       // by name
	Foreign   []string         // files that hold no mail, where there is no Maildir beside which they may be a program's own
	Closed    map[string]error // folders that cannot be looked into
	Single    bool             // the path is one mailbox itself: a file, or a Maildir
}

// Mailbox is a mailbox of a tree.
type Mailbox struct {
	Name       string // in UTF-8, its hierarchy joined by "/"; a "/" within a name is %2F
	Path       string
	Subscribed *bool    // by the index, or a file of the IMAP server whose mail this is; nil: not known
	files      []string // .eml files
	read       func(context.Context, *Mailbox) iter.Seq2[*Message, error]
	o          *Options
}

// Message is one message of a mailbox.
type Message struct {
	Where     string // its path, with the line where it is one of several in a file
	Key       maildir.Key
	Flags     maildir.Flags
	Date      time.Time // when it arrived: mtime of a Maildir's file, else what the file or the message tells
	Size      int64     // octets of the wire form
	Hash      [32]byte  // of the wire form
	Header    [32]byte  // message.Header.Hash
	Fields    string    // message.Header.Fields: only of what ReadFields was called for
	Marks     int64     // message.Header.Marks
	MessageID string
	Subject   string
	NUL       bool // it holds octets that IMAP knows no way for (RFC 9051 section 4.3.1)

	strict bool // it may be something else than mail, which in a Maildir it is not
	open   func() (io.ReadCloser, error)
}

// ReadFields reads which fields its header has. The error is that of Open or of reading.
func (m *Message) ReadFields() error {
	r, err := m.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	var header message.Header
	_, err = io.Copy(&header, io.LimitReader(r, message.MaxHeader))
	m.Fields = header.Fields()
	return err
}

// Open opens the message in wire form. The error is ErrChanged where the file is another one since it was read.
func (m *Message) Open() (io.ReadCloser, error) {
	r, err := m.open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{maildir.NewWireReader(r), r}, nil
}

// Unfit is the error of a file, or of a part of one, that is not read as a message. The others are.
type Unfit struct {
	Where string
	Why   error
}

func (e *Unfit) Error() string { return fmt.Sprintf("%s: %v", e.Where, e.Why) }
func (e *Unfit) Unwrap() error { return e.Why }

// ErrChanged, of a file that somebody writes.
var ErrChanged = errors.New("it was changed while it was read: run this again when no other program writes there")

var (
	errEmpty  = errors.New("it holds nothing")
	errHeader = errors.New("it has no header, so it is no message")
	errCut    = errors.New("the file ends within its header: it is not whole")
)

// Read reads the messages of a mailbox. An *Unfit is of one file, and the rest follows; any other error ends the sequence.
func (m *Mailbox) Read(ctx context.Context) iter.Seq2[*Message, error] { return m.read(ctx, m) }

// Find finds the mailboxes at a path: a Maildir, a tree of Maildirs, of mbox files or of .eml files, or one such file.
func Find(path string, o Options) (*Tree, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	t := &Tree{Closed: map[string]error{}}
	if !info.IsDir() {
		t.Single = true
		return t, t.file(path, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), &o)
	}
	found, err := maildir.FS.Maildirs(path, true)
	if err != nil {
		return nil, err
	}
	for folder, why := range found.Closed {
		t.Closed[filepath.Join(path, folder)] = why
	}
	if isDir(filepath.Join(path, "cur")) {
		t.Single = len(found.Maildirs) == 0
		found.Maildirs = append(found.Maildirs, ".")
	}
	if len(found.Maildirs) > 0 {
		t.maildirs(path, found.Maildirs, &o)
	}
	if err := t.walk(path, &o, len(found.Maildirs) > 0); err != nil {
		return nil, err
	}
	slices.SortStableFunc(t.Mailboxes, func(a, b *Mailbox) int { return strings.Compare(a.Name, b.Name) })
	return t, nil
}

// maildirs takes the Maildirs of a tree.
func (t *Tree) maildirs(root string, folders []string, o *Options) {
	names, listed := t.subscriptions(root)
	for _, folder := range folders {
		name := ""
		if o.Name != nil {
			name = o.Name(folder)
		}
		m := &Mailbox{Name: cmp.Or(name, maildir.MailboxAt(folder)), Path: filepath.Join(root, folder), read: readMaildir, o: o}
		subscribed, known := names[maildir.MailboxAt(folder)], listed
		if o.Subscribed != nil {
			if s, ok := o.Subscribed(folder); ok {
				subscribed, known = s, true
			}
		}
		if known {
			m.Subscribed = &subscribed
		}
		t.Mailboxes = append(t.Mailboxes, m)
	}
}

// file takes a file that was named.
func (t *Tree) file(path, name string, o *Options) error {
	kind, err := kindOf(path)
	switch {
	case err != nil:
		return err
	case kind == mboxFile:
		t.Mailboxes = []*Mailbox{{Name: nameOf([]string{name}), Path: path, read: readMbox, o: o}}
	case kind == emlFile:
		t.Mailboxes = []*Mailbox{{Name: "INBOX", Path: path, files: []string{path}, read: readFiles, o: o}}
	default:
		return &Unfit{path, errors.New("it is neither an mbox file nor a message")}
	}
	return nil
}

// walk looks for mbox and .eml files. Beside Maildirs other files are theirs, and nobody wants to hear of them.
func (t *Tree) walk(root string, o *Options, maildirs bool) error {
	loose := map[string]*Mailbox{}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			t.Closed[path] = err
			return fs.SkipDir
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."), d.IsDir() && slices.Contains([]string{"cur", "new", "tmp"}, d.Name()) && isDir(filepath.Join(filepath.Dir(path), "cur")):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		t.found(path, strings.Split(filepath.ToSlash(rel), "/"), loose, o, maildirs)
		return nil
	})
}

// found takes a file of a tree, by its path below the root.
func (t *Tree) found(path string, parts []string, loose map[string]*Mailbox, o *Options, maildirs bool) {
	kind, err := kindOf(path)
	last := len(parts) - 1
	switch {
	case err != nil:
		t.Closed[path] = err
	case strings.EqualFold(filepath.Ext(path), ".eml") && (kind == emlFile || kind == foreign && !arrival(path).IsZero()):
		name := "INBOX"
		if last > 0 {
			name = maildir.MailboxAt(strings.Join(parts[:last], "/"))
		}
		if loose[name] == nil {
			loose[name] = &Mailbox{Name: name, Path: filepath.Dir(path), read: readFiles, o: o}
			t.Mailboxes = append(t.Mailboxes, loose[name])
		}
		loose[name].files = append(loose[name].files, path)
	case kind == mboxFile, kind == nothing && !maildirs && paired(path):
		if ext := filepath.Ext(path); strings.EqualFold(ext, ".mbox") || strings.EqualFold(ext, ".mbx") {
			parts[last] = strings.TrimSuffix(parts[last], ext)
		}
		t.Mailboxes = append(t.Mailboxes, &Mailbox{Name: nameOf(parts), Path: path, read: readMbox, o: o})
	case !maildirs && !strings.EqualFold(filepath.Ext(path), ".msf"):
		t.Foreign = append(t.Foreign, path)
	}
}

// paired says whether an empty file is a folder of Thunderbird's, which has an index beside it, or is called an mbox.
func paired(path string) bool {
	_, err := os.Stat(path + ".msf")
	return err == nil || strings.EqualFold(filepath.Ext(path), ".mbox")
}

// nameOf names the mailbox of a path: INBOX at the root. Thunderbird keeps what is below a folder in FOLDER.sbd, Apple Mail
// mboxes in FOLDER.mbox/mbox.
func nameOf(parts []string) string {
	if n := len(parts); n > 1 && parts[n-1] == "mbox" && strings.HasSuffix(parts[n-2], ".mbox") {
		parts = parts[:n-1]
	}
	var names []string
	for _, part := range parts {
		for _, ext := range []string{".sbd", ".mbox"} {
			part = strings.TrimSuffix(part, ext)
		}
		if part != "" {
			names = append(names, part)
		}
	}
	if len(names) == 0 || strings.EqualFold(names[0], "INBOX") {
		names = append([]string{"INBOX"}, names[min(1, len(names)):]...)
	}
	return strings.Join(names, "/")
}

type kind int

const (
	foreign kind = iota
	nothing
	mboxFile
	emlFile
)

// kindOf looks at the beginning of a file.
func kindOf(path string) (kind, error) {
	f, _, err := maildir.Open(path)
	if no := (*maildir.NotMessage)(nil); errors.As(err, &no) {
		return foreign, nil
	}
	if err != nil {
		return foreign, err
	}
	defer f.Close()
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(f, head)
	head = head[:n]
	text := strings.TrimLeft(string(head), "\r\n")
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return foreign, err
	case n == 0:
		return nothing, nil
	case strings.HasPrefix(text, "From "):
		return mboxFile, nil
	case isMessage(head):
		return emlFile, nil
	}
	return foreign, nil
}

// isMessage says whether octets begin with a field of a header.
func isMessage(head []byte) bool {
	name, _, ok := strings.Cut(string(head), ":")
	return ok && name != "" && !strings.ContainsFunc(strings.TrimRight(name, " "), func(r rune) bool { return r <= ' ' || r > '~' })
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// describe fills in what the octets of a message tell.
func (m *Message) describe(r io.Reader) error {
	var header message.Header
	nul := &nulFinder{}
	wire, err := maildir.WireOf(io.TeeReader(r, io.MultiWriter(&header, nul)))
	switch {
	case err != nil:
		return err
	case wire.Size == 0:
		return errEmpty
	}
	s := message.Summarize(header.Bytes())
	m.Size, m.Hash, m.Header, m.Marks, m.MessageID, m.Subject, m.NUL = wire.Size, wire.Hash, header.Hash(), header.Marks(), s.MessageID, s.Subject, nul.found
	if m.Date.IsZero() {
		m.Date = s.Date
	}
	m.Date = m.Date.Truncate(time.Second) // as exact as an INTERNALDATE
	if m.strict && !isMessage(header.Bytes()) {
		return errHeader
	}
	return nil
}

// nulFinder looks for NUL.
type nulFinder struct{ found bool }

func (f *nulFinder) Write(p []byte) (int, error) {
	f.found = f.found || slices.Contains(p, 0)
	return len(p), nil
}
