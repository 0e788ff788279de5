package maildir

import (
	"slices"
	"strings"
)

// Elsewhere gives the folders below the root in which other programs keep a mailbox, likeliest first; Folder's answer may be
// among them. With FS that is mbsync: names in modified UTF-7 as the server has them (SubFolders Verbatim), Lists/.golang (Legacy),
// Lists.golang (Flatten), the last of which is offlineimap's too, that may write UTF-8. INBOX is spelled as its user likes it, or is
// the root itself.
// With MaildirPlusPlus it is what lies below INBOX: ..sub. A name that cannot be a plain folder has none.
func (l Layout) Elsewhere(mailbox []string) (folders []string) {
	if !slices.ContainsFunc(mailbox, unplain) && len(mailbox) > 0 {
		folders = l.elsewhere(mailbox)
	}
	return folders
}

func (l Layout) elsewhere(mailbox []string) (folders []string) {
	raw := make([]string, len(mailbox))
	for i, part := range mailbox {
		raw[i] = encodeUTF7(part)
	}
	inbox := strings.EqualFold(raw[0], "INBOX")
	if l == MaildirPlusPlus {
		if inbox && len(raw) > 1 {
			folders = append(folders, ".."+strings.Join(raw[1:], "."))
		}
		return folders
	}
	firsts := func(part string) []string {
		if inbox {
			return []string{"INBOX", "Inbox", "inbox"}
		}
		return []string{part}
	}
	for _, separator := range []string{"/", "/.", "."} {
		for _, parts := range [][]string{raw, mailbox} {
			for _, first := range firsts(parts[0]) {
				folder := strings.Join(append([]string{first}, parts[1:]...), separator)
				if !slices.Contains(folders, folder) {
					folders = append(folders, folder)
				}
			}
		}
	}
	if inbox && len(raw) == 1 {
		folders = append(folders, ".")
	}
	return folders
}

// unplain: what would lead elsewhere, be hidden, or be a part of a Maildir.
func unplain(part string) bool {
	return part == "" || part[0] == '.' || strings.ContainsAny(part, "/\x00") || reserved(part, false)
}
