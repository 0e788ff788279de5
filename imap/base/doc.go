// Package base remembers what was agreed with an IMAP account: which file here is which message there, the flags that both
// had, how far each mailbox was read, and what was about to be done when a run was stopped. It is kept in the database of
// maildir/index, and every method that changes it is one durable transaction.
package base

import "fmt"

// verb says what went wrong, if anything did.
func verb(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
