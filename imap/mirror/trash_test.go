package mirror

import (
	"testing"

	"postie/imap/plan"
	"postie/testdata/dovecot"
)

func withTrash() plan.Policy {
	return plan.Policy{MaxDelete: .3, Expunge: true, Create: plan.Both, Trash: "Trash"}
}

// trashing is a device of ten letters with a trash that is not there yet.
func trashing(t *testing.T, o dovecot.Options, p plan.Policy, patterns ...string) *device {
	t.Parallel()
	d := newDevice(t, o)
	d.policy, d.patterns = p, patterns
	d.put(d.remote(), "INBOX", 0, 10)
	d.sync()
	return d
}

func (d *device) delete(mailbox string, n int) {
	d.Helper()
	d.ok(d.dir(mailbox).Remove(d.file(mailbox, n)))
}

// has demands so many messages in INBOX and trash, here and there.
func (d *device) has(inbox, inboxThere, trash, trashThere int) {
	d.Helper()
	here, there := d.here(), d.there()
	if len(here["INBOX"]) != inbox || len(there["INBOX"]) != inboxThere || len(here["Trash"]) != trash || len(there["Trash"]) != trashThere {
		d.Errorf("INBOX %d here, %d there; trash %d here, %d there; want %d, %d, %d, %d", len(here["INBOX"]), len(there["INBOX"]),
			len(here["Trash"]), len(there["Trash"]), inbox, inboxThere, trash, trashThere)
	}
}

// One run makes the trash, moves there what was deleted, and has it here too, whatever the server can do. What is
// deleted in the trash is deleted.
func TestTrash(t *testing.T) {
	for _, rung := range []string{"full", "bare", "no MOVE", "no UIDPLUS"} {
		t.Run(rung, func(t *testing.T) {
			d := trashing(t, rungs()[rung], withTrash())
			d.delete("INBOX", 3)
			if r := d.sync(); r.DeletedRemote != 1 {
				t.Errorf("%+v", r)
			}
			d.has(9, 9, 1, 1)
			d.equal()
			d.rest()
			d.delete("Trash", 3)
			d.delete("INBOX", 4)
			if r := d.sync(); r.DeletedRemote != 2 {
				t.Errorf("%+v", r)
			}
			d.has(8, 8, 1, 1)
			d.equal()
			d.rest()
		})
	}
}

// A deletion inside the trash only marks when policy says so; one elsewhere is a move all the same.
func TestTrashWithoutExpunge(t *testing.T) {
	p := withTrash()
	p.Expunge = false
	d := trashing(t, rungs()["bare"], p)
	d.delete("INBOX", 3)
	d.sync()
	d.has(9, 9, 1, 1)
	d.delete("Trash", 3)
	d.sync()
	d.has(9, 9, 0, 1)
	d.rest()
}

// Without MOVE and UIDPLUS a move ends in an EXPUNGE. Under expunge = false it must not take what is to be marked only.
func TestMoveBesideMarked(t *testing.T) {
	p := withTrash()
	p.Expunge, p.Trash = false, ""
	d := trashing(t, rungs()["bare"], p)
	d.delete("INBOX", 3)
	d.sync()
	d.ok(d.dir("Trash").Ensure())
	_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 4), d.dir("Trash"))
	d.ok(err)
	d.sync()
	d.has(8, 10, 1, 1)
	d.rest()
}

// A trash that is left out is made and filled on the server alone. It may be taken in later, and that is no accident.
func TestTrashLeftOut(t *testing.T) {
	d := trashing(t, dovecot.Options{}, withTrash(), "*", "!Trash")
	d.delete("INBOX", 3)
	d.sync()
	d.has(9, 9, 0, 1)
	d.rest()
	d.patterns = nil
	if r := d.sync(); r.New != 1 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
}

// INBOX may be the trash, in any case: what is deleted in it is deleted.
func TestTrashIsInbox(t *testing.T) {
	p := withTrash()
	p.Trash = "inbox"
	d := trashing(t, dovecot.Options{}, p)
	d.delete("INBOX", 3)
	d.sync()
	d.has(9, 9, 0, 0)
	d.rest()
}

// Where mailboxes are made on the server only, so is the trash.
func TestTrashMadeThereOnly(t *testing.T) {
	d := trashing(t, dovecot.Options{}, withTrash())
	d.policy.Create = plan.Remote
	d.delete("INBOX", 3)
	d.sync()
	d.has(9, 9, 0, 1)
	d.rest()
}
