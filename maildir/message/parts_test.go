package message_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postie/maildir/message"
	"postie/testdata/messages"
)

func sample(t *testing.T, name string) []byte {
	t.Helper()
	all := messages.All()
	i := slices.IndexFunc(all, func(s messages.Sample) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no sample %s", name)
	}
	return all[i].Wire
}

func TestParts(t *testing.T) {
	for name, want := range map[string][]message.Part{
		"plain": {{Number: 1, Type: "text/plain", Size: 261}},
		"empty": {{Number: 1, Type: "text/plain"}},
		"attachment-rfc2231": {
			{Number: 1, Depth: 1, Type: "text/plain", Size: 133},
			{Number: 2, Depth: 1, Type: "text/csv", Name: `Preisliste für Gemüse und Kr"auter.csv`, Size: 38, Attachment: true},
			{Number: 3, Depth: 1, Type: "image/png", Name: "Gartenplan März.png", Size: 93, Attachment: true},
		},
		"alternative-related": {
			{Number: 1, Depth: 1, Type: "text/plain", Size: 216},
			{Number: 2, Depth: 2, Type: "text/html", Size: 353},
			{Number: 3, Depth: 2, Type: "image/png", Name: "logo.png", Size: 88, Attachment: true},
		},
		"nested-rfc822": {
			{Number: 1, Depth: 1, Type: "text/plain", Size: 19},
			{Number: 2, Depth: 1, Type: "message/rfc822", Name: "Lost umbrella.eml", Size: 664, Attachment: true},
			{Number: 3, Depth: 3, Type: "text/plain", Size: 53},
			{Number: 4, Depth: 3, Type: "image/png", Name: "umbrella.png", Size: 79, Attachment: true},
			{Number: 5, Depth: 1, Type: "text/plain", Size: 34},
		},
	} {
		got, _, err := message.Parts(bytes.NewReader(sample(t, name)))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestPartTypes(t *testing.T) {
	for in, want := range map[string]string{
		"Image/PNG": "image/png", "text/plain (a comment); charset=utf-8": "text/plain", "text/html charset=utf-8": "text/html",
		"": "text/plain", "text": "text/plain", "a/\xff\x00b": "a/ÿ",
	} {
		parts, _, err := message.Parts(strings.NewReader("Content-Type: " + in + "\n\nx\n"))
		if err != nil || len(parts) != 1 || parts[0].Type != want {
			t.Errorf("%q: %+v, want %q, %v", in, parts, want, err)
		}
	}
}

func TestWritePart(t *testing.T) {
	for _, c := range []struct {
		sample     string
		number     int
		begin, end string
		size       int
	}{
		{"plain", 1, "Hello Bob,\r\n", "Ann\r\n", 261},
		{"attachment-rfc2231", 2, "plant,price\r\n", "2.40", 38},
		{"attachment-rfc2231", 3, "\x89PNG\r\n\x1a\n", "IEND\xaeB`\x82", 93},
		{"nested-rfc822", 2, "Date: Sun, 07 Apr", "--inner--\r\n", 664},
		{"nested-rfc822", 4, "\x89PNG", "IEND\xaeB`\x82", 79},
		{"nested-rfc822", 5, "(Answer", "not to me.)", 34},
		{"header-koi8-r", 1, "\xf0\xd2\xc9", "\r\n", 86}, // its own charset
	} {
		var out bytes.Buffer
		part, err := message.WritePart(&out, bytes.NewReader(sample(t, c.sample)), c.number)
		if err != nil || part.Number != c.number || part.Size != int64(out.Len()) || out.Len() != c.size ||
			!strings.HasPrefix(out.String(), c.begin) || !strings.HasSuffix(out.String(), c.end) {
			t.Errorf("%s, part %d: %+v, %v\n%q", c.sample, c.number, part, err, out.String())
		}
	}
	for _, number := range []int{-1, 0, 6} {
		_, err := message.WritePart(io.Discard, bytes.NewReader(sample(t, "nested-rfc822")), number)
		var none *message.NoPart
		if !errors.As(err, &none) || none.Have != 5 {
			t.Errorf("part %d: %v", number, err)
		}
	}
	full := errors.New("disk full")
	if _, err := message.WritePart(failing{full}, messages.Large(1<<20), 2); !errors.Is(err, full) {
		t.Errorf("to a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestPartNames(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{`Content-Disposition: attachment; filename=plain.txt`, "plain.txt"},
		{`Content-Disposition: attachment; filename="a b;c.txt"; size=3`, "a b;c.txt"},
		{`Content-Disposition: attachment; filename=no quotes.txt; size=3`, "no quotes.txt"},
		{`Content-Disposition: attachment; filename="..\..\windows\x.exe"`, "x.exe"},
		{`Content-Disposition: attachment; filename="../../etc/passwd"`, "passwd"},
		{`Content-Disposition: attachment; filename="dir/"`, ""},
		{`Content-Disposition: attachment; filename="never closed.txt`, "never closed.txt"},
		{`Content-Disposition: attachment; filename="=?utf-8?Q?caf=C3=A9.txt?="`, "café.txt"},
		{"Content-Disposition: attachment; filename=\"caf\xe9.txt\"", "café.txt"},
		{`Content-Disposition: attachment; filename="old.txt"; filename*=utf-8''n%C3%A9w.txt`, "néw.txt"},
		{`Content-Disposition: attachment; filename*1=b.txt; filename*0=a`, "ab.txt"},
		{`Content-Disposition: attachment; filename*=koi8-r'ru'%D4%C5%D3%D4.txt`, "тест.txt"},
		{`Content-Disposition: attachment; filename*=broken%zz.txt`, "broken%zz.txt"},
		{`Content-Disposition: attachment; filename=a.txt; filename=b.txt`, "a.txt"},
		{`Content-Type: application/pdf; name="typed.pdf"`, "typed.pdf"},
		{`Content-Type: application/pdf; ;; =; name`, ""},
		{`Content-Disposition: attachment; filename*x*=a; filename*99999999999999999999=b`, ""},
	} {
		parts, _, err := message.Parts(strings.NewReader(c.header + "\r\n\r\nx\r\n"))
		if err != nil || len(parts) != 1 || parts[0].Name != c.want {
			t.Errorf("%s: %+v, want %q, %v", c.header, parts, c.want, err)
		}
	}
}

func TestPartsAreBounded(t *testing.T) {
	wire := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 5000)
	if parts, _, err := message.Parts(strings.NewReader(wire)); err != nil || len(parts) != 1000 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	deep := strings.Repeat("Content-Type: message/rfc822\n\n", 100000)
	if parts, _, err := message.Parts(strings.NewReader(deep)); err != nil || len(parts) != 33 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

func TestWritePartIsExactAndStreams(t *testing.T) {
	const size = 3<<20 + 5
	var count counter
	part, err := message.WritePart(&count, messages.Large(size), 2)
	if err != nil || part.Size != size || int(count) != size || part.Name != "large.bin" {
		t.Errorf("%+v, %d bytes, %v", part, count, err)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestSearch(t *testing.T) {
	for name, want := range map[string][]string{
		"attachment-rfc2231":  {"Gartenplan März.png", "Preisliste", "beans left", "plant,price"},
		"nested-rfc822":       {"Lost umbrella.eml", "umbrella.png", "Museum Desk", "café of the museum"},
		"html-only":           {"Quiet Harbour", "Café Nowhere"},
		"header-iso-2022-jp":  {"公園で花見"},
		"charset-no-label":    {"smörgåsbord"},
		"calendar-invitation": {"invite.ics", "the big oak"},
		"boundary-unclosed":   {"notes.txt", "second part ends"},
	} {
		words, err := search(bytes.NewReader(sample(t, name)), 10000)
		for _, w := range want {
			if !strings.Contains(words, w) || err != nil {
				t.Errorf("%s: no %q in %q, %v", name, w, words, err)
			}
		}
	}
	words, err := search(strings.NewReader("\n"+strings.Repeat("wörd ", 10000)), 999)
	if err != nil || len(words) > 1000 || len(words) < 990 {
		t.Errorf("%d bytes, %v", len(words), err)
	}
}

func BenchmarkWritePart(b *testing.B) {
	b.SetBytes(10 << 20)
	for b.Loop() {
		message.WritePart(io.Discard, messages.Large(10<<20), 2)
	}
}

// search is Index with names and text in one.
func search(r io.Reader, limit int) (string, error) {
	w, err := message.Index(r, limit)
	if w.Names == "" {
		return w.Text, err
	}
	return w.Names + "\n" + w.Text, err
}
