package imap_test

import "testing"

// Courier has no UNSELECT, and refuses to delete the selected mailbox: "NO Cannot delete currently-open folder." pymap
// ends the session: "* BYE Selected mailbox no longer exists."
func TestCourierDeleteSelected(t *testing.T) {
	s := script(t, "UIDPLUS CHILDREN NAMESPACE", `C: A SELECT "INBOX.Lists"
		S: * 0 EXISTS
		S: * OK [UIDVALIDITY 795310509] Ok
		S: A OK [READ-WRITE] Ok
		C: B EXAMINE INBOX
		S: * 2 EXISTS
		S: * OK [UIDVALIDITY 795310489] Ok
		S: B OK [READ-ONLY] Ok
		C: C DELETE "INBOX.Lists"
		S: C OK Folder deleted.`)
	if _, err := s.Select(t.Context(), "INBOX.Lists", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Unselect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "INBOX.Lists"); err != nil {
		t.Fatal(err)
	}
}
