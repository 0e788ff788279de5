package main

import (
	"crypto/md5"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// offline writes a letter as offlineimap 7 does: UID and a hash of the folder's name in the file's, unseen ones in new/ though
// they have flags, folders side by side with the separator "." and names as the server has them.
func (d *device) offline(mailbox string, uid int, text, flags string) {
	d.Helper()
	dir := d.maildir(mailbox)
	d.ok(dir.Ensure())
	sub := "new"
	if strings.Contains(flags, "S") {
		sub = "cur"
	}
	name := fmt.Sprintf("1762164000_%d.%d.host,U=%d,FMD5=%x:2,%s", uid, os.Getpid(), uid, md5.Sum([]byte(d.folder(mailbox))), flags)
	d.ok(os.WriteFile(filepath.Join(string(dir), sub, name), []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o600))
}

// sent is the text that offlineimap uploads to a server without UIDPLUS: the new field stands at the end of the header.
func sent(text string) string {
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	return fmt.Sprintf("%s\r\nX-OfflineIMAP: %d-%d\r\n\r\n%s", header, crc32.ChecksumIEEE([]byte(text)), 5577006791, body)
}

// A first sync over what offlineimap filled: what it uploaded has a field more on the server than here.
func TestOverOfflineimap(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{IMAPCapability: "IMAP4rev1 LITERAL+ SASL-IR ENABLE IDLE NAMESPACE UNSELECT CHILDREN MOVE"})
	o := &device{fleet: f, name: "offlineimap", root: filepath.Join(f.dir, "offlineimap")}
	o.folder = func(mailbox string) string { return strings.ReplaceAll(verbatim(mailbox), "/", ".") }
	seen := []imap.Flag{imap.FlagSeen}
	for _, mailbox := range []string{"Lists/golang", "Entwürfe"} {
		f.ok(f.client.Create(mailbox, nil).Wait())
	}
	for i, mailbox := range []string{"INBOX", "Lists/golang", "Entwürfe"} {
		for n := 10 * i; n < 10*i+4; n++ { // came down
			f.append(mailbox, letter(n), seen...)
			o.offline(mailbox, n+1, letter(n), "S")
		}
		for _, text := range []string{letter(10*i + 5), letter(10*i + 5), bare(10*i + 6)} { // went up, two of them equal
			f.append(mailbox, sent(text))
			o.offline(mailbox, len(o.files(mailbox))+1, text, "")
		}
		f.append(mailbox, letter(10*i+7), imap.FlagFlagged)
		o.offline(mailbox, 9, letter(10*i+7), "F")
		f.append(mailbox, letter(10*i+8), seen...)
		o.offline(mailbox, 10, letter(10*i+8), "RS") // not pushed yet
	}
	before := o.files(f.mailboxes()...)
	d := f.over(o, maildir.FS, o.root)
	d.matches()
	d.forgets()
	d.matches()
	same := func(a, b file) bool { return a.mailbox == b.mailbox && a.Key == b.Key }
	if after := d.files(d.mailboxes()...); !slices.EqualFunc(before, after, same) {
		t.Errorf("files %v, they were %v", after, before)
	}
	if f := d.find("INBOX", 8); f.Set != maildir.FlagReplied|maildir.FlagSeen {
		t.Errorf("flags %q", f.Set)
	}
}
