package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// bare is a letter without a Message-ID.
func bare(n int) string {
	return strings.Replace(letter(n), fmt.Sprintf("Message-ID: <%d@example.org>\r\n", n), "", 1)
}

// append puts a text on the server.
func (f *fleet) append(mailbox, text string, flags ...imap.Flag) {
	f.Helper()
	cmd := f.client.Append(mailbox, int64(len(text)), &imap.AppendOptions{Flags: flags})
	_, err := io.WriteString(cmd, text)
	f.ok(err)
	f.ok(cmd.Close())
	_, err = cmd.Wait()
	f.ok(err)
}

// over is a postie over the Maildirs of another program.
func (f *fleet) over(other *device, layout maildir.Layout, root string) *device {
	f.Helper()
	d := f.postie("over", layout)
	text, err := os.ReadFile(d.config())
	f.ok(err)
	f.ok(os.WriteFile(d.config(), []byte(strings.Replace(string(text), d.root+`"`, root+`"`, 1)), 0o600))
	d.root, d.folder = root, other.folder
	return d
}

// matches demands that a run fetches, uploads and deletes nothing, and that a dry run before it says so and leaves nothing.
func (d *device) matches() {
	d.Helper()
	before := d.everything()
	for _, dry := range []string{"--dry-run=true", "--dry-run=false"} {
		out := d.exits(exit.OK, "--json", dry)
		for _, nothing := range []string{`"new":0,`, `"uploaded":0,`, `"deleted_local":0,`, `"deleted_remote":0,`} {
			if !strings.Contains(out, nothing) {
				d.Errorf("%s: not %s: %s", dry, nothing, out)
			}
		}
		if now := d.everything(); dry == "--dry-run=true" && !slices.Equal(now, before) {
			d.Errorf("a dry run made something of %q: %q", before, now)
		}
	}
	d.equal()
	d.rests()
}

// everything lists all files and folders of a root, but for what a database that is open has beside it.
func (d *device) everything() (all []string) {
	d.Helper()
	d.ok(filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return all
}

// forgets takes the database away.
func (d *device) forgets() {
	d.Helper()
	files, err := filepath.Glob(filepath.Join(d.root, ".postie.db*"))
	d.ok(err)
	if len(files) == 0 {
		d.Fatal("no database")
	}
	for _, file := range files {
		d.ok(os.Remove(file))
	}
}

// A first sync over what mbsync filled, in each of its folder styles: X-TUID in a file or on the server makes no other message of
// it, folders keep mbsync's names, and mbsync goes on as if nothing had happened.
func TestOverMbsync(t *testing.T) {
	t.Parallel()
	styles := map[string]struct {
		layout maildir.Layout
		root   string // below mbsync's
		inbox  string
		sub    string // one more mailbox
		folder func(string) string
	}{
		"Verbatim":                    {maildir.FS, "", "Inbox", "INBOX/sub", verbatim},
		"Verbatim, INBOX is the root": {maildir.FS, "", ".", "Sent", verbatim},
		"Verbatim, INBOX elsewhere":   {maildir.FS, "", "boxes/eingang", "Sent", verbatim},
		"Verbatim, flattened by .":    {maildir.FS, "", "INBOX", "A/B/C", func(m string) string { return strings.ReplaceAll(verbatim(m), "/", ".") }},
		"Verbatim, flattened by |":    {maildir.FS, "", "INBOX", "A/B/C", func(m string) string { return strings.ReplaceAll(verbatim(m), "/", "|") }},
		"Verbatim, flattened by +":    {maildir.FS, "", "in", "A/B/C", func(m string) string { return strings.ReplaceAll(verbatim(m), "/", "+") }},
		"Legacy":                      {maildir.FS, "", "INBOX", "INBOX/sub", func(m string) string { return strings.ReplaceAll(verbatim(m), "/", "/.") }},
		"Maildir++":                   {maildir.MaildirPlusPlus, "INBOX", "INBOX", "INBOX/sub", func(m string) string { return "." + strings.ReplaceAll(verbatim(m), "/", ".") }},
	}
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			name, more, _ := strings.Cut(name, ",")
			if _, separator, flat := strings.Cut(more, "flattened by "); flat {
				name += "\nFlatten " + separator
			}
			f := newFleet(t, dovecot.Options{})
			m := f.isync("one")
			if !m.mbsync {
				return
			}
			text, err := os.ReadFile(m.config())
			f.ok(err)
			config := strings.NewReplacer("SubFolders Verbatim", "SubFolders "+name, "/INBOX\n", strings.TrimSuffix("/"+style.inbox, "/.")+"\n").Replace(string(text))
			if style.root != "" {
				config = strings.Replace(config, "Path "+m.root+"/\n", "", 1)
			}
			f.ok(os.WriteFile(m.config(), []byte(config), 0o600))
			m.folder = func(mailbox string) string {
				switch {
				case mailbox == "INBOX":
					return style.inbox
				case strings.HasPrefix(mailbox, "INBOX/") && style.root != "": // Inbox/..sub
					return style.root + "/." + style.folder(mailbox[len("INBOX"):])[1:]
				}
				return filepath.Join(style.root, style.folder(strings.Replace(mailbox, "INBOX", style.inbox, 1)))
			}
			for i, mailbox := range []string{"Lists/golang", "Entwürfe", style.sub} {
				f.ok(f.client.Create(mailbox, nil).Wait())
				f.put(mailbox, 20+10*i, 25+10*i, imap.FlagSeen)
			}
			f.put("INBOX", 0, 10)
			f.put("INBOX", 5, 7, imap.FlagFlagged) // equal copies
			f.append("INBOX", bare(10), imap.FlagSeen)
			f.append("INBOX", bare(10), imap.FlagSeen)
			m.sync()
			m.deliver("INBOX", 11, "S") // goes up with X-TUID
			m.deliver("Entwürfe", 41, "")
			m.deliver("Entwürfe", 41, "")
			m.sync()
			m.equal()
			m.rename(m.find("INBOX", 3), "F")
			m.rename(m.find("Entwürfe", 32), "RS")
			files := len(m.files(f.mailboxes()...))

			d := f.over(m, style.layout, filepath.Join(m.root, style.root))
			d.folder = func(mailbox string) string {
				rel, err := filepath.Rel(style.root, m.folder(mailbox))
				f.ok(err)
				return rel
			}
			d.matches()
			if f := d.find("INBOX", 3); f.Set != maildir.FlagFlagged || len(d.files(d.mailboxes()...)) != files {
				t.Errorf("flags %q, %d files, there were %d", f.Set, len(d.files(d.mailboxes()...)), files)
			}
			d.forgets()
			d.matches()
			m.sync()
			m.equal()
			d.matches()
			if got := d.mailboxes(); len(got) != 4 {
				t.Errorf("mailboxes: %q", got)
			}
			if n := len(d.files(d.mailboxes()...)); n != files {
				t.Errorf("%d files, there were %d", n, files)
			}
		})
	}
}
