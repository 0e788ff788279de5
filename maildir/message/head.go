package message

import "strings"

// Field is one field of a header as people read it: decoded, a single line of valid UTF-8.
type Field struct{ Name, Value string }

// Head gives the fields of a header that people read, in the order in which they are shown: From, Reply-To where it differs,
// To, Cc, Bcc, Date as it was written, Subject. What is missing or empty is left out. Of a field that comes twice the
// first counts.
func Head(header []byte) []Field {
	found := map[string]string{}
	for name, value := range fields(readable(cutHeader(header))) {
		n := strings.ToLower(string(name))
		if found[n] != "" {
			continue
		}
		switch n {
		case "from", "reply-to", "to", "cc", "bcc":
			found[n] = addresses(unfold(value), 4*maxList)
		case "date", "subject":
			found[n] = line(decodeWords(unfold(value)), maxSubject)
		}
	}
	if found["reply-to"] == found["from"] {
		delete(found, "reply-to")
	}
	var head []Field
	for _, name := range [...]string{"From", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject"} {
		if v := found[strings.ToLower(name)]; v != "" {
			head = append(head, Field{name, v})
		}
	}
	return head
}
