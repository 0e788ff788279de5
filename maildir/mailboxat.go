package maildir

import (
	"slices"
	"strings"
)

// MailboxAt names the mailbox of a folder below a root, "." the root itself: its hierarchy, as the file system has it or behind
// dots as Dovecot and mbsync write it (.Lists.golang, Lists/.golang), joined by "/". A component that holds a "/" has it as %2F.
func MailboxAt(folder string) string {
	if folder == "." {
		return "INBOX"
	}
	parts, _ := FS.Mailbox(folder)
	if strings.HasPrefix(folder, ".") {
		parts, _ = MaildirPlusPlus.Mailbox(folder)
	}
	for i, part := range parts {
		if strings.Contains(part, "/") {
			part = strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
		}
		parts[i] = strings.TrimPrefix(part, ".")
	}
	if slices.Contains(parts, "") {
		return folder
	}
	if strings.EqualFold(parts[0], "INBOX") {
		parts[0] = "INBOX"
	}
	return strings.Join(parts, "/")
}
