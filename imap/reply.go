package imap

import (
	"bytes"
	"fmt"
	"strings"
)

// code is a response code (RFC 9051 section 7.1): [NAME args].
type code struct{ Name, Args string }

// address is where the user is sent by WEBALERT and REFERRAL; "": nowhere.
func (c code) address() string {
	if c.Name == "WEBALERT" || c.Name == "REFERRAL" {
		return c.Args
	}
	return ""
}

// reply is a status response, tagged or not: OK [CODE args] text.
type reply struct {
	Status string
	Code   code
	Text   string
}

func parseReply(status string, line []byte) reply {
	r := reply{Status: strings.ToUpper(status), Text: string(bytes.TrimLeft(line, " "))}
	if !strings.HasPrefix(r.Text, "[") {
		return r
	}
	end := codeEnd(r.Text)
	if end < 0 {
		return r
	}
	name, args, _ := strings.Cut(strings.TrimSpace(r.Text[1:end]), " ")
	r.Code = code{strings.ToUpper(name), strings.TrimSpace(args)}
	r.Text = strings.TrimSpace(r.Text[end+1:])
	return r
}

// codeEnd finds the bracket that ends a code: not one in a quoted string, nor one in a parenthesised list, where flags
// of some servers hold brackets.
func codeEnd(s string) int {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ']' && depth <= 0:
			return i
		}
	}
	return strings.IndexByte(s, ']')
}

func (r reply) refusal(command string) error {
	if r.Status == "OK" {
		return nil
	}
	return &Error{Command: command, Status: r.Status, Code: r.Code.Name, Text: r.Text, Address: r.Code.address()}
}

func (r reply) String() string {
	return fmt.Sprintf("%s [%s %s] %s", r.Status, r.Code.Name, r.Code.Args, r.Text)
}
