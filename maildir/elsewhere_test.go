package maildir

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Folders as mbsync 1.4 and offlineimap 7 make them.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		layout  Layout
		mailbox string
		folders []string
	}{
		{FS, "INBOX", []string{"INBOX", "Inbox", "inbox", "."}},
		{FS, "Entwürfe", []string{"Entw&APw-rfe", "Entwürfe"}},
		{FS, "R&D", []string{"R&-D", "R&D"}},
		{FS, "Lists/golang", []string{"Lists/golang", "Lists/.golang", "Lists.golang"}},
		{FS, "Lists/日本/x", []string{"Lists/&ZeVnLA-/x", "Lists/日本/x", "Lists/.&ZeVnLA-/.x", "Lists/.日本/.x", "Lists.&ZeVnLA-.x", "Lists.日本.x"}},
		{FS, "inbox/sub", []string{"INBOX/sub", "Inbox/sub", "inbox/sub", "INBOX/.sub", "Inbox/.sub", "inbox/.sub", "INBOX.sub", "Inbox.sub", "inbox.sub"}},
		{FS, "a/cur", nil},
		{FS, "../etc", nil},
		{FS, "a//b", nil},
		{MaildirPlusPlus, "Lists/golang", nil},
		{MaildirPlusPlus, "INBOX/süb/x", []string{"..s&APw-b.x"}},
		{MaildirPlusPlus, "INBOX", nil},
	} {
		if got := c.layout.Elsewhere(strings.Split(c.mailbox, "/")); !slices.Equal(got, c.folders) {
			t.Errorf("%v %s: %q, want %q", c.layout, c.mailbox, got, c.folders)
		}
	}
}

func TestElsewhereNeverLeavesTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout(rapid.IntRange(0, 1).Draw(t, "layout"))
		for _, folder := range l.Elsewhere(rapid.SliceOfN(evil, 0, 4).Draw(t, "mailbox")) {
			if !filepath.IsLocal(folder) || slices.Contains(strings.Split(folder, "/"), "..") || folder != filepath.Clean(folder) {
				t.Fatalf("%q", folder)
			}
		}
	})
}
