package query

import "strings"

// Operators are the words that may stand before a colon in a query.
func Operators() []string { return strings.Fields(operators) }

// States are the words that may stand behind is:.
func States() []string {
	return []string{"unread", "read", "flagged", "unflagged", "answered", "unanswered", "draft", "deleted", "forwarded"}
}
