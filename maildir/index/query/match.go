package query

import "strings"

// compiler makes SQL of a query.
type compiler struct {
	accounts []string // the names under which messages of this root go
	args     []any
}

// sql gives the condition that n is, its arguments appended to c.args.
func (c *compiler) sql(n node) string {
	if text, ok := match(n); ok {
		return c.in(text)
	}
	switch n := n.(type) {
	case and:
		return c.and(n)
	case or:
		return c.join(n, " OR ")
	case not:
		return "NOT (" + c.sql(n.node) + ")"
	case condition:
		c.args = append(c.args, n.args...)
		return n.sql
	case accountIs:
		return c.whether(string(n))
	case idIs:
		return c.id(n)
	}
	return "TRUE" // nil: the empty query
}

// in is a condition that full text decides.
func (c *compiler) in(match string) string {
	c.args = append(c.args, match)
	return "m.id IN (SELECT rowid FROM text WHERE text MATCH ?)"
}

// and leaves as much as can be to one MATCH.
func (c *compiler) and(all and) string {
	text, rest := textOf(all)
	var parts []string
	if text != "" {
		parts = append(parts, c.in(text))
	}
	for _, n := range rest {
		parts = append(parts, "("+c.sql(n)+")")
	}
	return strings.Join(parts, " AND ")
}

func (c *compiler) join(all []node, by string) string {
	parts := make([]string, len(all))
	for i, n := range all {
		parts[i] = "(" + c.sql(n) + ")"
	}
	return strings.Join(parts, by)
}

func (c *compiler) whether(account string) string {
	for _, name := range c.accounts {
		if name == account {
			return "TRUE"
		}
	}
	return "FALSE"
}

func (c *compiler) id(n idIs) string {
	c.args = append(c.args, n.number)
	if n.place == "" {
		return "m.id = ?"
	}
	places := []string{"?"}
	c.args = append(c.args, n.place)
	for _, account := range c.accounts {
		if mailbox, ok := strings.CutPrefix(n.place, account+"/"); ok {
			places = append(places, "?")
			c.args = append(c.args, mailbox)
		}
	}
	return "m.id = ? AND m.mailbox IN (SELECT id FROM mailbox WHERE name IN (" + strings.Join(places, ", ") + "))"
}

// textOf splits terms that must all hold into a MATCH expression, if there is one, and the others.
func textOf(all and) (text string, rest []node) {
	var yes, non []string
	var nots []node
	for _, n := range all {
		if m, ok := match(n); ok {
			yes = append(yes, m)
		} else if m, ok := matchNot(n); ok {
			non, nots = append(non, m), append(nots, n)
		} else {
			rest = append(rest, n)
		}
	}
	if len(yes) == 0 {
		return "", append(rest, nots...)
	}
	text = strings.Join(yes, " AND ")
	if len(non) > 0 { // it binds tighter than AND
		text = "(" + text + ") NOT " + strings.Join(non, " NOT ")
	}
	return text, rest
}

// match gives the MATCH expression of a node that full text alone decides (https://sqlite.org/fts5.html, section 3).
func match(n node) (string, bool) {
	switch n := n.(type) {
	case phrase:
		s := `"` + n.words + `"`
		if n.column != "" {
			s = n.column + " : " + s
		}
		if n.prefix {
			s += " *"
		}
		return "(" + s + ")", true
	case and:
		if text, rest := textOf(n); len(rest) == 0 {
			return "(" + text + ")", true
		}
	case or:
		parts := make([]string, len(n))
		for i := range n {
			var ok bool
			if parts[i], ok = match(n[i]); !ok {
				return "", false
			}
		}
		return "(" + strings.Join(parts, " OR ") + ")", true
	}
	return "", false
}

func matchNot(n node) (string, bool) {
	if n, ok := n.(not); ok {
		return match(n.node)
	}
	return "", false
}
