package maildir

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFolder(t *testing.T) {
	for _, c := range []struct{ mailbox, fs, plus string }{
		{"INBOX", "INBOX", "."},
		{"inbox", "INBOX", "."},
		{"INBOX|Sub", "INBOX/Sub", ".INBOX.Sub"},
		{"Lists|golang", "Lists/golang", ".Lists.golang"},
		{"Entwürfe", "Entwürfe", ".Entw&APw-rfe"},
		{"台北|日本語", "台北/日本語", ".&U,BTFw-.&ZeVnLIqe-"},
		{"a&b", "a&b", ".a&-b"},
		{"a.b", "a.b", ".a%2Eb"},
		{".hidden", "%2Ehidden", ".%2Ehidden"},
		{".|..", "%2E/%2E.", ".%2E.%2E%2E"},
		{"a/b", "a%2Fb", ".a%2Fb"},
		{"100%", "100%25", ".100%25"},
		{"cur|New|tmp|tmpx", "%63ur/%4Eew/%74mp/tmpx", ".%63ur.%4Eew.%74mp.tmpx"},
		{"postie|db", "postie/db", ".%70ostie.db"},
		{"dovecot-keywords", "%64ovecot-keywords", ".%64ovecot-keywords"},
		{"|a|", "%/a/%", ".%.a.%"},
		{"a\x00\n\x7f\u0085", "a%00%0A%7F%C2%85", ".a%00%0A%7F%C2%85"},
		{"\xffé\xc3", "%FFé%C3", ".%FF&AOk-%C3"},
		{"\uFFFD😀", "\uFFFD😀", ".&,,3YPd4A-"},
	} {
		mailbox := strings.Split(c.mailbox, "|")
		for l, want := range []string{c.fs, c.plus} {
			got := Layout(l).Folder(mailbox)
			if got != want {
				t.Errorf("%d %q = %q, want %q", l, mailbox, got, want)
			}
			if back, ok := Layout(l).Mailbox(got); !ok || !slices.Equal(back, mailbox) && c.mailbox != "inbox" {
				t.Errorf("%d %q back = %q, %v", l, got, back, ok)
			}
		}
	}
}

// Folders that somebody else made are read as well as can be.
func TestMailboxOfForeignFolder(t *testing.T) {
	for _, c := range []struct {
		l            Layout
		folder, want string
	}{
		{FS, "100%", "100%"},
		{FS, "a%2eb", "a.b"},
		{FS, "%41", "A"},
		{FS, "inbox", "inbox"},
		{MaildirPlusPlus, ".a&b", "a&b"},
		{MaildirPlusPlus, ".&AGE-", "&AGE-"},
		{MaildirPlusPlus, ".INBOX", "INBOX"},
		{MaildirPlusPlus, ".Entwürfe", "Entwürfe"},
	} {
		if got, ok := c.l.Mailbox(c.folder); ok || strings.Join(got, "|") != c.want {
			t.Errorf("%q = %q, %v", c.folder, got, ok)
		}
	}
}

func TestNamer(t *testing.T) {
	const nfc, nfd = "\u00e9", "e\u0301"
	for _, c := range []struct {
		l      Layout
		first  string
		second string
		same   bool
	}{
		{FS, "a", "b", true},
		{FS, "a", "A", false},
		{FS, nfc, nfd, false},
		{FS, nfc, strings.ToUpper(nfd), false},
		{FS, "Lists|a", "Lists|b", true},
		{FS, "Lists|a", "lists|b", false},
		{FS, "Lists", "lists|b", false},
		{FS, "inbox", "INBOX", true},
		{MaildirPlusPlus, "a", "A", false},
		{MaildirPlusPlus, nfc, nfd, true},
		{MaildirPlusPlus, "Lists|a", "lists|b", true},
	} {
		n := Namer{Layout: c.l}
		n.Take(n.Layout.Folder(strings.Split(c.first, "|")))
		mailbox := strings.Split(c.second, "|")
		got, plain := n.Folder(mailbox), c.l.Folder(mailbox)
		if (got == plain) != c.same {
			t.Errorf("%q beside %q = %q", c.second, c.first, got)
		}
		if !c.same && !strings.Contains(got, hashMark) {
			t.Errorf("%q: no hash", got)
		}
		if again := n.Folder(mailbox); again != got {
			t.Errorf("%q, then %q", got, again)
		}
		if _, ok := c.l.Mailbox(got); ok != c.same {
			t.Errorf("%q reads as a full name", got)
		}
	}
}

var evil = rapid.OneOf(
	rapid.String(),
	rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }),
	rapid.SampledFrom([]string{"", ".", "..", "cur", "NEW", "tmp", "%", "%-", "INBOX", "a.b", "a/b", "&", "&-", "&AOk-", "%2E", "~", "Postie", "db", keywordFile}),
	rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.SampledFrom([]string{"a", "é", "😀", "/", ".", "\xff", "&"}).Draw(t, "unit"), rapid.IntRange(1, 300).Draw(t, "n"))
	}),
)

// plain reports whether a path is what every file system takes for a folder of ours below the root.
func plain(l Layout, path string) bool {
	if l == MaildirPlusPlus {
		if path == "." {
			return true
		}
		return len(path) > 1 && path[0] == '.' && path[1] != '.' && !strings.HasPrefix(fold(path), ".postie.") && !strings.Contains(path, "/") && safe(path)
	}
	for part := range strings.SplitSeq(path, "/") {
		if !safe(part) || part[0] == '.' || reserved(part, false) {
			return false
		}
	}
	return filepath.IsLocal(path)
}

func safe(part string) bool {
	return part != "" && len(part) <= maxComponent && utf8.ValidString(part) &&
		strings.IndexFunc(part, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }) < 0
}

func TestFolderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout(rapid.IntRange(0, 1).Draw(t, "layout"))
		mailbox := rapid.SliceOfN(evil, 1, 4).Draw(t, "mailbox")
		folder := l.Folder(mailbox)
		if !plain(l, folder) {
			t.Fatalf("%q is no plain folder", folder)
		}
		back, ok := l.Mailbox(folder)
		if short := strings.Contains(folder, hashMark); ok == short {
			t.Fatalf("%q: full name %v", folder, ok)
		}
		if ok && !slices.Equal(back, mailbox) && !(len(mailbox) == 1 && strings.EqualFold(mailbox[0], "INBOX")) {
			t.Fatalf("%q came back as %q", mailbox, back)
		}
	})
}

func TestMailboxProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout(rapid.IntRange(0, 1).Draw(t, "layout"))
		folder := evil.Draw(t, "folder")
		if mailbox, ok := l.Mailbox(folder); ok != (l.Folder(mailbox) == folder) {
			t.Fatalf("%q reads as %q, %v", folder, mailbox, ok)
		}
	})
}

func TestNamerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Namer{Layout: Layout(rapid.IntRange(0, 1).Draw(t, "layout"))}
		part := rapid.StringMatching(`[aAbBéÉ]{0,2}(e\x{301})?`)
		seen := map[string]string{}
		for _, mailbox := range rapid.SliceOfN(rapid.SliceOfN(part, 1, 3), 1, 20).Draw(t, "mailboxes") {
			folder := n.Folder(mailbox)
			if !plain(n.Layout, folder) {
				t.Fatalf("%q is no plain folder", folder)
			}
			name := strings.Join(mailbox, "\x00")
			if was, ok := seen[fold(folder)]; ok && was != name {
				t.Fatalf("%q and %q both lie in %q", was, name, folder)
			}
			seen[fold(folder)] = name
		}
	})
}

func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"", "a&-b", "&AOk-", "&AOk", "&AOk-&AOk-", "&AGE-", "&2D0-", "&,,3YPd4A-", "&A-", "&U,BTFw-", "é\x00", "&AO/k-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if text, ok := decodeUTF7(s); ok && encodeUTF7(text) != s {
			t.Fatalf("%q reads as %q", s, text)
		}
		if !utf8.ValidString(s) {
			return
		}
		coded := encodeUTF7(s)
		if strings.IndexFunc(coded, func(r rune) bool { return !direct(r) }) >= 0 {
			t.Fatalf("%q = %q: not ASCII", s, coded)
		}
		if back, ok := decodeUTF7(coded); !ok || back != s {
			t.Fatalf("%q = %q, back %q", s, coded, back)
		}
	})
}

func TestUTF7(t *testing.T) {
	// RFC 3501 section 5.1.3 gives the first; the others break its rules.
	if got := encodeUTF7("~peter/mail/台北/日本語"); got != "~peter/mail/&U,BTFw-/&ZeVnLIqe-" {
		t.Error(got)
	}
	for _, bad := range []string{"&", "&AOk", "&AGE-", "&AOk-&AOk-", "&A-", "&2D0-", "&AOl-", "é", "&AO/k-", "a\n"} {
		if text, ok := decodeUTF7(bad); ok && encodeUTF7(text) != bad {
			t.Errorf("%q reads as %q", bad, text)
		} else if ok {
			t.Errorf("%q is accepted as %q", bad, text)
		}
	}
}
