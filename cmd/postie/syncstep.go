package main

import (
	"cmp"
	"fmt"
	"strings"

	"postie/cmd/postie/internal/ui"
	"postie/imap/plan"
	"postie/maildir/index"
)

// step is an operation as users see it. m is what is known of its message; without ID the index has it not yet.
func (s *syncing) step(op plan.Op, m index.Message) ui.Step {
	step := ui.Step{Account: s.account.Name, Mailbox: op.Mailbox, Do: op.Kind.String(), Message: which(op),
		UID: ui.UID(cmp.Or(op.UID, op.Pair.UID)), Key: ui.OrNull(op.Key), Subject: ui.OrNull(m.Summary.Subject), To: ui.OrNull(op.To),
		Flags: op.Changes(), Size: op.Pair.Size, Reason: op.Reason,
		Side: ui.OrNull(map[plan.Side]string{plan.Local: "local", plan.Remote: "remote", plan.Both: "both"}[op.Side])}
	if m.ID != 0 {
		step.Message = fmt.Sprintf("%s/%s/%d", s.account.Name, cmp.Or(m.Mailbox, op.Mailbox), m.ID)
		step.ID = ui.OrNull(step.Message)
	}
	step.Says = sentence(op, titled(step.Message, m.Summary.Subject))
	return step
}

// eventOf is the name of the event that tells of an operation; "": none does.
func eventOf(k plan.Kind) string {
	return map[plan.Kind]string{plan.Flags: "flags", plan.Move: "move", plan.Trash: "move",
		plan.Expunge: "delete", plan.Remove: "delete", plan.Mark: "delete", plan.Clear: "delete"}[k]
}

// which names the message that an operation is about, as people can find it: "UID 17" there, a key here, "" for a mailbox.
func which(op plan.Op) string {
	if uid := cmp.Or(op.UID, op.Pair.UID); uid != 0 {
		return fmt.Sprint("UID ", uid)
	}
	return string(op.Key)
}

// titled is a message with its subject, if that is known.
func titled(message, subject string) string {
	const most = 60
	if subject == "" {
		return message
	}
	if rs := []rune(subject); len(rs) > most {
		subject = string(rs[:most-1]) + "…"
	}
	return message + " \"" + subject + "\""
}

// sentence says what an operation does to a message, in the words that a dry run puts behind 'would', and -v behind the mailbox:
// "delete UID 17 on the server".
func sentence(op plan.Op, message string) string {
	size := ""
	if op.Pair.Size > 0 {
		size = " (" + ui.Size(op.Pair.Size) + ")"
	}
	text := map[plan.Kind]string{
		plan.Settle:       "take note of WHICH",
		plan.Rename:       "rename this mailbox to TO SIDE",
		plan.Create:       "make this mailbox SIDE",
		plan.RecordOnly:   "take note of WHICH",
		plan.Move:         "move WHICH to TO SIDE",
		plan.Upload:       "upload WHICH" + size,
		plan.Download:     "fetch WHICH" + size,
		plan.FetchSummary: "fetch the summary of WHICH" + size,
		plan.Flags:        "change the flags of WHICH",
		plan.Expunge:      "delete WHICH on the server",
		plan.Trash:        "move WHICH to TO on the server",
		plan.Mark:         "mark WHICH as deleted on the server",
		plan.Clear:        "delete WHICH on the server, which keeps its copy here" + size,
		plan.Remove:       "delete WHICH here",
		plan.Forget:       "forget WHICH",
		plan.Drop:         "delete this mailbox SIDE",
		plan.Repair:       "make the Maildir of this mailbox whole",
	}[op.Kind]
	if op.Kind == plan.Repair && op.Key != "" {
		text = "give the file of WHICH another name here"
	}
	if op.Kind == plan.Settle && op.To != "" {
		text = "complete the move of WHICH to TO on the server"
	}
	side := map[plan.Side]string{plan.Local: "here", plan.Remote: "on the server", plan.Both: "in the index", 0: "in the index"}[op.Side]
	text = strings.NewReplacer("WHICH", message, "TO", op.To, "SIDE", side).Replace(text)
	if op.Push != (plan.Change{}) {
		text += ", " + op.Push.String() + " on the server"
	}
	if op.Pull != (plan.Change{}) {
		text += ", " + op.Pull.String() + " here"
	}
	if op.Body {
		text += ", and fetch it" + size
	}
	return text
}
