package main

import (
	"cmp"
	"strings"

	"postie/cmd/postie/internal/ui"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// arrived tells of a message that is new here.
func (a *watched) arrived(mailbox string, m index.Message) {
	a.did[m.Entry.Key] = true
	a.tell(mailbox, "new: "+subject(m)+", from "+cmp.Or(m.Summary.From, "somebody"))
}

// happened tells of an operation that was carried out.
func (a *watched) happened(op plan.Op, m index.Message) {
	if op.Pull != (plan.Change{}) || op.Kind == plan.Remove || op.Kind == plan.Move && op.Side == plan.Local {
		a.did[op.Key], a.did[op.Pair.Key] = true, true // the system will tell of these; what happens to others is somebody else's doing
	}
	if text := pastTense(op, m); text != "" {
		a.tell(op.Mailbox, text)
	}
}

// mostLines is how many changes of one run are told one by one: more are told as numbers.
const mostLines = 20

func (a *watched) tell(mailbox, text string) {
	if a.lines++; a.lines <= mostLines {
		a.ui.Change(a.account.Name, mailbox, text, a.flags.times)
	}
}

// summarize tells the numbers of a run, where its lines did not.
func (a *watched) summarize(s ui.Summary) {
	quiet := s.New+s.Uploaded+s.FlagsPulled+s.FlagsPushed+s.Moved+s.DeletedLocal+s.DeletedRemote == 0
	if a.lines > mostLines || a.ui.JSON() && !(quiet && s.OK) {
		a.ui.Summary(s)
	}
}

// subject is a message as its user knows it.
func subject(m index.Message) string {
	return cmp.Or(strings.TrimPrefix(titled("", m.Summary.Subject), " "), "a message")
}

// pastTense says what an operation did, in the words of a log; "": nothing that matters to a reader, or it is told otherwise.
func pastTense(op plan.Op, m index.Message) string {
	side := map[plan.Side]string{plan.Local: "here", plan.Remote: "on the server", plan.Both: "on both sides"}[op.Side]
	switch op.Kind {
	case plan.Upload:
		return "uploaded: " + subject(m)
	case plan.Move:
		return strings.TrimSpace("moved to " + op.To + " " + side + ": " + subject(m))
	case plan.Trash:
		return "moved to " + op.To + " on the server: " + subject(m)
	case plan.Expunge:
		return "deleted on the server: " + subject(m)
	case plan.Mark:
		return "marked as deleted on the server: " + subject(m)
	case plan.Remove:
		return "deleted here: " + subject(m)
	case plan.Flags:
		var parts []string
		if text := flagWords(op.Push); text != "" {
			parts = append(parts, text+" on the server")
		}
		if text := flagWords(op.Pull); text != "" {
			parts = append(parts, text+" here")
		}
		if len(parts) == 0 {
			return ""
		}
		return strings.Join(parts, ", ") + ": " + subject(m)
	case plan.Create:
		return "this mailbox was made " + side
	case plan.Rename:
		if side != "" {
			return "this mailbox was renamed to " + op.To + " " + side
		}
	case plan.Drop:
		if op.Side != plan.Both {
			return "this mailbox was deleted " + side
		}
	}
	return ""
}

// flagWords says which flags came and went.
func flagWords(c plan.Change) string {
	var words []string
	for _, f := range []struct {
		set      maildir.FlagSet
		is, isnt string
	}{
		{maildir.FlagSeen, "read", "unread"}, {maildir.FlagFlagged, "flagged", "not flagged"}, {maildir.FlagReplied, "answered", "not answered"},
		{maildir.FlagTrashed, "marked as deleted", "not marked as deleted"}, {maildir.FlagDraft, "a draft", "no draft"}, {maildir.FlagPassed, "forwarded", "not forwarded"},
	} {
		if c.Add.Set&f.set != 0 {
			words = append(words, f.is)
		}
		if c.Remove.Set&f.set != 0 {
			words = append(words, f.isnt)
		}
	}
	words = append(words, c.Add.Keywords.Names()...)
	for _, k := range c.Remove.Keywords.Names() {
		words = append(words, "not "+k)
	}
	return strings.Join(words, ", ")
}
