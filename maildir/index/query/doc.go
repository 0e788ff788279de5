// Package query finds messages in the index of a Maildir: by lists, newest first, and by searches, whose words it keeps in full text.
// It reads summaries and files, writes the full text and nothing else, and knows nothing of servers or of what was agreed with them.
package query

import "fmt"

// verb says at what an error came up.
func verb(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
