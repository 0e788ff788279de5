package library

import (
	"fmt"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
)

// Message is one of the index as users see it.
func Message(a config.Account, s *Store, m index.Message) ui.Message {
	return ui.Message{
		ID:      fmt.Sprintf("%s/%s/%d", a.Name, m.Mailbox, m.ID),
		Account: a.Name, Mailbox: m.Mailbox, UID: ui.UID(m.UID),
		Key: ui.OrNull(m.Entry.Key), Path: ui.OrNull(s.Index.Path(m)),
		Flags: flagNames(m.Flags), Date: ui.Time{Time: m.Date},
		From: m.Summary.From, To: m.Summary.To, Subject: m.Summary.Subject,
		Size: m.Wire.Size, MessageID: ui.OrNull(m.Summary.MessageID), Sent: ui.Time{Time: m.Summary.Date}, Attachment: attachment(m.Attached),
	}
}

func attachment(a index.Attached) *bool {
	if a == index.AttachedUnknown {
		return nil
	}
	has := a == index.HasAttachment
	return &has
}

// flagNames are the names that IMAP gives to flags.
func flagNames(f maildir.Flags) []string {
	var names []string
	for _, flag := range []struct {
		set  maildir.FlagSet
		name string
	}{
		{maildir.FlagReplied, `\Answered`}, {maildir.FlagTrashed, `\Deleted`}, {maildir.FlagDraft, `\Draft`},
		{maildir.FlagFlagged, `\Flagged`}, {maildir.FlagSeen, `\Seen`}, {maildir.FlagPassed, "$Forwarded"},
	} {
		if f.Set&flag.set != 0 {
			names = append(names, flag.name)
		}
	}
	return append(names, f.Keywords.Names()...)
}
