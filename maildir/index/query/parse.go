package query

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"postie/maildir"
)

// Query is a search, parsed. The zero value finds everything.
type Query struct {
	root      node
	Mailboxes []string // that it names, with "in:", each without a "*"
	Accounts  []string // that it names, with "account:"
}

// node is a condition on a message: one of the types below.
type node interface{}

type (
	and    []node
	or     []node
	not    struct{ node }
	phrase struct { // words that follow each other
		column string // of the table text; "": any
		words  string // separated by spaces, normalised, none of them empty
		prefix bool   // the last may go on
	}
	condition struct { // in SQL, on message m
		sql  string
		args []any
	}
	accountIs string
	idIs      struct { // an ID as list prints it
		place  string // ACCOUNT/MAILBOX or MAILBOX; "": only the number counts
		number int64
	}
)

// The bounds of a query, far above what people write and far below what SQLite takes.
const (
	maxQuery = 4096 // octets
	maxTerms = 100
	maxNest  = 10
)

// Parse reads a search as people type it: words that must all be there, "phrases", word* for a beginning, -word for
// what must not be there, OR (which binds less than the blank), parentheses, and operators such as from:ann or
// since:2w. now is what dates are seen from.
func Parse(text string, now time.Time) (Query, error) {
	if len(text) > maxQuery {
		return Query{}, fmt.Errorf("a query may have %d bytes, not %d", maxQuery, len(text))
	}
	p := parser{tokens: lex(text), now: now}
	if len(p.tokens) > maxTerms {
		return Query{}, fmt.Errorf("a query may have %d terms, not %d", maxTerms, len(p.tokens))
	}
	root, err := p.or(0)
	if err == nil && p.next() != nil {
		err = errors.New("there is a ) without its (")
	}
	return Query{root, p.mailboxes, p.accounts}, err
}

// token is a word of a query, or one of ( ) OR - (which begins a term).
type token struct {
	sign   string // "(", ")", "OR", "-"; "": it is a word
	op     string // what stood before the first colon, unquoted
	text   string
	quoted bool // some of text was
	star   bool // it ended in *
}

// lex cuts a query into tokens. A quote that is not closed goes on to the end.
func lex(text string) (all []token) {
	rs := []rune(strings.ToValidUTF8(text, "\ufffd"))
	depth := 0
	for i := 0; i < len(rs); {
		switch r := rs[i]; {
		case unicode.IsSpace(r) || r == 0:
			i++
		case r == '(':
			depth++
			all = append(all, token{sign: "("})
			i++
		case r == ')' && depth > 0:
			depth--
			all = append(all, token{sign: ")"})
			i++
		case r == '-' && i+1 < len(rs) && !unicode.IsSpace(rs[i+1]):
			all = append(all, token{sign: "-"})
			i++
		default:
			var t token
			t, i = lexWord(rs, i, depth > 0)
			all = append(all, t)
		}
	}
	return all
}

func lexWord(rs []rune, i int, nested bool) (t token, end int) {
	var b strings.Builder
	inside, colon := false, false
	for ; i < len(rs); i++ {
		r := rs[i]
		switch {
		case r == '"':
			inside, t.quoted = !inside, true
			continue
		case !inside && (unicode.IsSpace(r) || r == 0 || nested && r == ')'):
			return t.finish(b.String()), i
		case r == ':' && !colon && !t.quoted:
			colon = true
			if op := b.String(); operatorLike(op) {
				t.op = op
				b.Reset()
				continue
			}
		}
		t.star = r == '*' && !inside
		b.WriteRune(r)
	}
	return t.finish(b.String()), i
}

// operatorLike: what else stands before a colon is text, as in 10:30 or Re:
func operatorLike(s string) bool {
	return len(s) > 1 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

func (t token) finish(text string) token {
	t.text = text
	switch {
	case t.op != "" && text == "" && !t.quoted && !isOperator(t.op), strings.HasPrefix(text, "//"): // "word:", http://…
		t.op, t.text = "", t.op+":"+text
	case t.op == "" && !t.quoted && (text == "OR" || text == "AND" || text == "NOT"):
		t.sign = map[string]string{"OR": "OR", "AND": "AND", "NOT": "-"}[text]
	}
	return t
}

type parser struct {
	tokens []token
	now    time.Time

	mailboxes, accounts []string // as in Query
}

// next is the token that comes next, nil at the end.
func (p *parser) next() *token {
	if len(p.tokens) == 0 {
		return nil
	}
	return &p.tokens[0]
}

// take takes the next token if it is that sign.
func (p *parser) take(sign string) bool {
	if t := p.next(); t == nil || t.sign != sign {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) or(depth int) (node, error) {
	if depth > maxNest {
		return nil, fmt.Errorf("more than %d parentheses inside each other", maxNest)
	}
	var all or
	for {
		n, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.take("OR") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	for _, n := range all {
		if n == nil {
			return nil, errors.New("OR wants something on either side")
		}
	}
	return all, nil
}

// and reads terms up to an OR, a closing parenthesis or the end. nil: there is none.
func (p *parser) and(depth int) (node, error) {
	var all and
	for {
		t := p.next()
		if t == nil || t.sign == "OR" || t.sign == ")" {
			break
		}
		if p.take("AND") {
			continue
		}
		n, err := p.term(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return all, nil
}

func (p *parser) term(depth int) (node, error) {
	negated := false
	for p.take("-") {
		negated = !negated
	}
	var n node
	var err error
	switch t := p.next(); {
	case p.take("("):
		if n, err = p.or(depth + 1); err == nil && n == nil {
			err = errors.New("there is nothing between ( and )")
		}
		if err == nil && !p.take(")") {
			err = errors.New("there is a ( without its )")
		}
	case t == nil || t.sign != "":
		err = errors.New("- wants something that must not be there")
	default:
		p.tokens = p.tokens[1:]
		n, err = p.word(*t)
	}
	if negated && err == nil {
		n = not{n}
	}
	return n, err
}

// word makes a condition of a word, with or without operator.
func (p *parser) word(t token) (node, error) {
	if t.op != "" && t.text == "" && isOperator(t.op) {
		return nil, fmt.Errorf("%s: wants a word right behind it, as in %[1]s:%s", t.op, cmp.Or(map[string]string{"is": "unread", "in": "INBOX", "has": "attachment",
			"since": "2w", "until": "2w", "before": "2w", "date": "2026-11", "larger": "1MB", "smaller": "1MB"}[t.op], "word"))
	}
	column := map[string]string{"": "", "from": "sender", "to": "recipients", "cc": "cc", "subject": "subject", "body": "body", "attachment": "attachments", "file": "attachments"}
	if c, ok := column[t.op]; ok {
		words := normal(t.text)
		if words == "" {
			return nil, fmt.Errorf("%q has no letter or digit to search for", t.text)
		}
		return phrase{c, words, t.star}, nil
	}
	n, err := p.operator(t)
	if err != nil {
		err = fmt.Errorf("%s:%s: %w", t.op, t.text, err)
	}
	return n, err
}

// isOperator reports whether that stands before a colon to say where a word is to be looked for, or what must hold.
func isOperator(op string) bool {
	return slices.Contains(strings.Fields(operators+" after on file tag"), op)
}

// operators are their names, for people.
const operators = "from to cc subject body attachment since until before date is in account has larger smaller keyword id"

func (p *parser) operator(t token) (node, error) {
	switch t.op {
	case "since", "after", "until", "before", "date", "on":
		return p.date(t.op, t.text)
	case "is":
		return is(t.text)
	case "in":
		if !strings.HasSuffix(t.text, "*") {
			p.mailboxes = append(p.mailboxes, t.text)
		}
		return in(t.text), nil
	case "account":
		p.accounts = append(p.accounts, t.text)
		return accountIs(t.text), nil
	case "has":
		if s := strings.TrimSuffix(t.text, "s"); s != "attachment" {
			return nil, errors.New("only has:attachment is known")
		}
		return phrase{"attachments", attachmentMark, false}, nil
	case "larger", "smaller":
		n, err := octets(t.text)
		return condition{map[string]string{"larger": "m.size > ?", "smaller": "m.size < ?"}[t.op], []any{n}}, err
	case "keyword", "tag":
		return condition{"instr(' ' || lower(m.keywords) || ' ', ?) > 0", []any{" " + strings.ToLower(t.text) + " "}}, nil
	case "id":
		return id(t.text), nil
	}
	return nil, fmt.Errorf("there is no operator %s: (known are %s); in quotes it is text", t.op, strings.ReplaceAll(operators, " ", ", "))
}

func (p *parser) date(op, text string) (node, error) {
	span, err := ParseSpan(text, p.now)
	if err != nil {
		return nil, err
	}
	from, to := span.From.UnixMilli(), span.To.UnixMilli()
	switch op {
	case "since", "after":
		return condition{"m.date >= ?", []any{from}}, nil
	case "before":
		return condition{"m.date < ?", []any{from}}, nil
	case "until":
		return condition{"m.date < ?", []any{to}}, nil
	}
	// The day that the message itself tells; of one that tells none, when it arrived.
	return condition{ownDate + " >= ? AND " + ownDate + " < ?", []any{from, to}}, nil
}

func is(what string) (node, error) {
	for _, f := range []struct {
		set      maildir.FlagSet
		yes, non []string
	}{
		{maildir.FlagSeen, []string{"read", "seen"}, []string{"unread", "unseen", "new"}},
		{maildir.FlagFlagged, []string{"flagged", "starred"}, []string{"unflagged"}},
		{maildir.FlagReplied, []string{"answered", "replied"}, []string{"unanswered"}},
		{maildir.FlagDraft, []string{"draft"}, nil},
		{maildir.FlagTrashed, []string{"deleted"}, []string{"undeleted"}},
		{maildir.FlagPassed, []string{"forwarded"}, nil},
	} {
		// The flag stands there as a number, not as an argument, so that it equals the condition of an SQL index.
		if slices.Contains(f.yes, what) {
			return condition{sql: fmt.Sprintf("m.flags & %d <> 0", f.set)}, nil
		}
		if slices.Contains(f.non, what) {
			return condition{sql: fmt.Sprintf("m.flags & %d = 0", f.set)}, nil
		}
	}
	return nil, errors.New("known are " + strings.Join(States(), ", "))
}

// in takes a mailbox in any case, or those that begin so if it ends in *.
func in(mailbox string) node {
	const one = "m.mailbox IN (SELECT id FROM mailbox WHERE "
	if start, ok := strings.CutSuffix(mailbox, "*"); ok {
		return condition{one + "lower(substr(name, 1, ?)) = lower(?))", []any{len([]rune(start)), start}}
	}
	return condition{one + "name = ? COLLATE NOCASE)", []any{mailbox}}
}

// id takes an ID as list prints it, a NUMBER, or a Message-ID.
func id(text string) node {
	place, number := "", text
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		place, number = text[:i], text[i+1:]
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 && !strings.HasPrefix(text, "<") {
		return idIs{place, n}
	}
	return condition{"m.message_id = ?", []any{strings.Trim(text, "<>")}}
}

// octets reads a size: 5000, 20k, 1MB (1,000,000), 1MiB (1,048,576).
func octets(s string) (int64, error) {
	m := regexp.MustCompile(`^(\d+(?:\.\d+)?)([kmg]?)(i?)b?$`).FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return 0, errors.New("a size is written as 5000, 20kB, 1MB or 1MiB")
	}
	unit := 1000.0
	if m[3] != "" {
		unit = 1024
	}
	n, err := strconv.ParseFloat(m[1], 64)
	n *= math.Pow(unit, float64(strings.Index("kmg", m[2])+1)*float64(len(m[2])))
	if err != nil || n > 1<<60 {
		return 0, errors.New("that is too much")
	}
	return int64(n), nil
}
