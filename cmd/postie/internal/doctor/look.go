package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/net/idna"
	"golang.org/x/sys/unix"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	ourimap "postie/imap"
	"postie/maildir/index"
	"postie/pop3"
)

// ascii is a host name as DNS spells it (RFC 5891); what is no name stays as it is.
func ascii(host string) string {
	if name, err := idna.Lookup.ToASCII(host); err == nil {
		return name
	}
	return host
}

// capability is one that matters, and what it costs not to have it.
type capability struct {
	name string
	has  bool
	cost string
}

func (c *checking) capabilities(list []capability) {
	var have []string
	for _, one := range list {
		if one.has {
			have = append(have, one.name)
		}
	}
	if len(have) > 0 {
		c.ok("capabilities", "%s", strings.Join(have, ", "))
		c.know(Facts{"capabilities": have})
	}
	for _, one := range list {
		if !one.has {
			c.add("capabilities", "note", "no "+one.name+": "+one.cost, "")
			c.know(Facts{"missing": one.name})
		}
	}
}

func (c *checking) pop3(ctx context.Context, s *pop3.Session) {
	caps := s.Capabilities()
	items, err := s.Survey(ctx)
	uidl := caps.UIDL
	for _, item := range items {
		uidl = uidl || item.UIDL != "" // known by trying, too
		c.need += item.Size
	}
	c.capabilities([]capability{
		{"UIDL", uidl, "messages are recognized by their content, which has to be read in each run"},
		{"TOP", caps.TOP, "a message that looks known is fetched in full before it is believed to be"},
		{"PIPELINING", caps.Pipelining, "one round trip for each message"},
	})
	if err != nil {
		c.fail("messages", err, exit.Remedy(err, c.account))
		return
	}
	c.ok("messages", "%s, %s", ui.Count(len(items), "message"), ui.Size(c.need))
	c.know(Facts{"messages": len(items), "bytes": c.need})
}

func (c *checking) imap(ctx context.Context, s *ourimap.Session) {
	c.capabilities([]capability{
		{"CONDSTORE", s.Has(imap.CapCondStore), "the flags of all messages are read in each run"},
		{"QRESYNC", s.Has(imap.CapQResync), "what was deleted is found by listing all UIDs"},
		{"LIST-STATUS", s.Has(imap.CapListStatus), "one question for each mailbox instead of one for all"},
		{"UIDPLUS", s.Has(imap.CapUIDPlus), "uploads have to be searched for, and deletions wait for a mailbox in which nobody else deletes"},
		{"MOVE", s.Has(imap.CapMove), "a move is a copy and a deletion"},
		{"IDLE", s.Has(imap.CapIdle), "watch has to ask again and again"},
		{"NOTIFY", s.Has("NOTIFY"), "watch hears of one mailbox at once, of the others when it asks"},
		{"LITERAL+", s.Has(imap.CapLiteralPlus) || s.Has(imap.CapLiteralMinus), "one round trip more for each upload"},
		{"COMPRESS=DEFLATE", s.Has("COMPRESS=DEFLATE"), "two to three times the bytes on the line"},
	})
	boxes, err := s.List(ctx, false)
	if err != nil {
		c.fail("folders", err, exit.Remedy(err, c.account))
		return
	}
	n := 0
	for _, box := range boxes {
		if box.Selectable() {
			n++
		}
	}
	text := ui.Count(n, "folder")
	facts := Facts{"folders": n}
	if status, err := s.Status(ctx, "INBOX"); err == nil && status["INBOX"] != nil {
		text += fmt.Sprintf("; INBOX holds %s, %d unread", ui.Count(int(status["INBOX"].Messages), "message"), status["INBOX"].Unseen)
		facts["inbox_messages"], facts["inbox_unread"] = status["INBOX"].Messages, status["INBOX"].Unseen
	}
	c.ok("folders", "%s", text)
	c.know(facts)
}

// place is the folder that is there and stands nearest to the Maildir.
func (c *checking) place() string {
	dir := c.account.Maildir
	for !paths.Exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// maildir looks whether mail can be stored, without making anything that stays.
func (c *checking) maildir() {
	defer func() { c.know(Facts{"path": c.account.Maildir, "exists": paths.Exists(c.account.Maildir)}) }()
	root := c.account.Maildir
	if err := cmp.Or(index.Usable("the Maildir", root), c.state()); err != nil {
		c.fail("maildir", err, exit.Remedy(err, c.account))
		return
	}
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := unix.Access(c.place(), unix.W_OK|unix.X_OK); err != nil {
			c.fail("maildir", fmt.Errorf("%s is not there, and %s cannot be written: %w", root, c.place(), err), "make it, or set another maildir")
			return
		}
		c.ok("maildir", "%s is not there yet; the first run makes it", root)
	case err != nil:
		c.fail("maildir", err, "check the permissions of the folders above it")
	default:
		c.writable(root, info)
	}
}

// state looks at the folder of the state, where that is another one.
func (c *checking) state() error {
	if c.account.State == "" {
		return nil
	}
	return index.Usable("the folder of the state", c.account.State)
}

func (c *checking) writable(root string, info fs.FileInfo) {
	dir := root
	if c.account.Protocol == config.POP3 && paths.Exists(filepath.Join(root, "tmp")) {
		dir = filepath.Join(root, "tmp")
	}
	file, err := os.CreateTemp(dir, ".postie-check-*")
	if err != nil {
		c.fail("maildir", err, "check owner and permissions: ls -ld "+dir)
		return
	}
	file.Close()
	os.Remove(file.Name())
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		c.add("maildir", "warn", fmt.Sprintf("%s can be written, but others have access too (mode %04o)", root, mode), "chmod 700 "+root)
		return
	}
	c.ok("maildir", "%s can be written", root)
}

// scarce is how much room is worth a warning.
const scarce = 500e6

func (c *checking) space() {
	var stat unix.Statfs_t
	if err := unix.Statfs(c.place(), &stat); err != nil {
		c.add("space", "warn", err.Error(), "")
		return
	}
	free := int64(min(uint64(stat.Bavail)*uint64(stat.Bsize), 1<<62))
	defer func() { c.know(Facts{"free": free, "waiting": c.need}) }()
	switch {
	case free < c.need:
		c.add("space", "warn", fmt.Sprintf("%s free, and %s wait on the server", ui.Size(free), ui.Size(c.need)), "make room, or fetch with --limit; what does not fit stays on the server")
	case free < scarce:
		c.add("space", "warn", ui.Size(free)+" free", "make room")
	default:
		c.ok("space", "%s free", ui.Size(free))
	}
}

// clock compares this machine's clock with what there is: the stamps that the Maildir's file system gives (a file
// server's clock; postie trusts them to two seconds), and the certificate's dates.
func (c *checking) clock() {
	now := time.Now()
	facts := Facts{"time": now.UTC().Format(time.RFC3339)}
	defer func() { c.know(facts) }()
	if e, ok := errors.AsType[*connect.CertificateError](c.err); ok && (now.Before(e.NotBefore) || now.After(e.NotAfter)) {
		c.add("clock", "warn", fmt.Sprintf("this machine says %s, and the certificate is good from %s to %s: one of the two is wrong",
			now.UTC().Format(time.RFC3339), e.NotBefore.UTC().Format(time.DateOnly), e.NotAfter.UTC().Format(time.DateOnly)),
			"compare `date` with a watch; timedatectl set-ntp true sets it")
		return
	}
	file, err := os.CreateTemp(c.place(), ".postie-check-*")
	if err != nil {
		c.ok("clock", "%s", now.Format(time.RFC3339))
		return
	}
	defer os.Remove(file.Name())
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		c.add("clock", "warn", err.Error(), "")
		return
	}
	skew := info.ModTime().Sub(now).Abs().Round(time.Millisecond)
	facts["file_system_off"] = skew.Seconds()
	if skew > 2*time.Second {
		c.add("clock", "warn", fmt.Sprintf("%s; the file system of %s is %s off", now.Format(time.RFC3339), c.place(), skew), "set the clocks of this machine and its file server by NTP")
		return
	}
	c.ok("clock", "%s, and the file system agrees", now.Format(time.RFC3339))
}
