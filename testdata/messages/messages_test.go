package messages_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"postie/testdata/messages"
)

// properties says, for each sample, what must be in it (in this order) and what must not.
var properties = map[string]struct{ has, lacks []string }{
	"alternative-related":               {has: []string{"multipart/alternative", "text/plain", "multipart/related", "text/html", "cid:logo", "image/png"}},
	"attachment-rfc2231":                {has: []string{"filename*0*=utf-8'de'", "filename*1*=", "filename*2=", "name*=iso-8859-1''"}},
	"bare-cr":                           {has: []string{"first\rsecond", "\r\n\r\r\n", "line\r\r\n"}},
	"bare-lf":                           {has: []string{"in LF\nX-Next", "first\nsecond", "\n.\nit", "\n.dot\r\n"}},
	"base64-broken":                     {has: []string{"base64\r\n\r\n", "!§*** lost"}},
	"boundary-unclosed":                 {has: []string{"--never-closed\r\n"}, lacks: []string{"--never-closed--"}},
	"calendar-invitation":               {has: []string{"text/calendar", "METHOD:REQUEST"}},
	"charset-no-label":                  {has: []string{"Bj\xf6rn", "sm\xf6rg\xe5sbord", "\x80"}, lacks: []string{"charset="}},
	"charset-wrong-label":               {has: []string{"=?iso-8859-1?Q?Cr=C3=AApes", "charset=iso-8859-1", "crêpes"}},
	"date-ctime":                        {has: []string{"Date: Fri Apr 19 13:00:00 2024\r\n"}},
	"date-hopeless":                     {has: []string{"Date: yesterday"}},
	"date-iso-8601":                     {has: []string{"Date: 2024-04-19T15:00:00.250+02:00\r\n"}},
	"date-named-zone":                   {has: []string{"Date: fri, 19 apr 2024 6:00 pdt (Pacific"}},
	"date-no-comma":                     {has: []string{"Date: Fri 19-Apr-2024 13:00:00 -0000\r\n"}},
	"date-two-digit-year":               {has: []string{"Nov 94 "}},
	"delivery-status":                   {has: []string{"multipart/report", "message/delivery-status", "message/rfc822"}},
	"empty":                             {},
	"format-flowed":                     {has: []string{"format=flowed", "evening.", "about \r\n"}},
	"header-8bit":                       {has: []string{"Ren\xe9 Caf\xe9", "D\xe9j\xe0 vu"}},
	"header-broken-words":               {has: []string{"Spaces inside?=", "\"=?utf-8?Q?", "=ZZ", "bm8gcGFkZGluZw?=", "?X?", "never closed\r\n"}},
	"header-cursor":                     {has: []string{"\x1b[31m", "\x1b[2J", "\x07", "=1B", "\u202e"}},
	"header-duplicate":                  {has: []string{"From: Ann", "From: Mallory", "Subject: The first", "Subject: The second"}},
	"header-folded-tabs":                {has: []string{"Sun,\r\n\t24", "Subject: Rehearsal moved\r\n\tto"}},
	"header-gb18030":                    {has: []string{"=?gb18030?B?", "charset=\"gb18030\""}},
	"header-groups":                     {has: []string{"Chess club: Bob", "test>, carol@example.test;", "undisclosed-recipients:;"}},
	"header-iso-2022-jp":                {has: []string{"=?ISO-2022-JP?B?", "\x1b$B"}},
	"header-koi8-r":                     {has: []string{"=?koi8-r?B?", "=?koi8-r?Q?", "\xf0\xd2\xc9\xd7\xc5\xd4"}},
	"header-many-recipients":            {has: []string{".1@village", ".600@village"}},
	"header-mbox-from":                  {has: []string{"From ann@", "\r\nFrom here"}},
	"header-no-colon":                   {has: []string{"\r\nthis line has no colon\r\n", "\r\n: an empty", "Subject : "}},
	"header-only":                       {has: []string{"Message-ID:"}, lacks: []string{"\r\n\r\n"}},
	"header-split-words":                {has: []string{"S=C3?= =?utf-8?Q?=B8ren", "=?utf-8?B?"}},
	"header-unknown-charset":            {has: []string{"=?x-klingon?Q?", "charset=x-klingon"}},
	"header-utf-7":                      {has: []string{"=?utf-7?Q?", "charset=utf-7", "f+APw-nf"}},
	"header-utf8":                       {has: []string{"Елена", "花子", "Subject: Grüße"}, lacks: []string{"=?"}},
	"header-windows-1252-as-iso-8859-1": {has: []string{"=?iso-8859-1?Q?", "=92", "iso-8859-1\r\n", "\x93two loaves\x94"}},
	"html-only":                         {has: []string{"text/html", "<style>", "<script>", "&ldquo;"}, lacks: []string{"text/plain"}},
	"leading-dots":                      {has: []string{"\r\n.\r\n..\r\n...\r\n.hidden\r\n", "\r\n.\r\nQUIT\r\n"}},
	"line-long":                         {has: []string{strings.Repeat("x", 999)}},
	"mailing-list":                      {has: []string{"List-Id:", "List-Post:", "Precedence: list"}},
	"nested-rfc822":                     {has: []string{"multipart/mixed", "message/rfc822", "multipart/mixed", "--inner--", "--outer--"}},
	"no-body":                           {has: []string{"\r\n\r\n"}},
	"no-final-newline":                  {has: []string{"without a line end"}},
	"no-header":                         {has: []string{"\r\nThere is"}},
	"no-header-text":                    {has: []string{"Dear reader, "}, lacks: []string{":"}},
	"nul-bytes":                         {has: []string{"zero\x00 in", "\x00\x00\x00"}},
	"pgp-mime":                          {has: []string{"multipart/encrypted", "Version: 1", "BEGIN PGP MESSAGE"}},
	"plain":                             {has: []string{"Return-Path:", "Date:", "From:", "To:", "Subject:", "Message-ID:", "\r\n\r\n"}},
	"smime-signed":                      {has: []string{"multipart/signed", "application/pkcs7-signature"}},
}

func TestSamplesShowWhatTheirNamesPromise(t *testing.T) {
	samples := messages.All()
	if len(samples) != len(properties) {
		t.Errorf("%d samples, %d properties", len(samples), len(properties))
	}
	last := ""
	for _, s := range samples {
		want, ok := properties[s.Name]
		if !ok {
			t.Errorf("%s: no property given", s.Name)
		}
		if s.Name <= last {
			t.Errorf("%s after %s: not sorted", s.Name, last)
		}
		last = s.Name
		rest := s.Wire
		for _, has := range want.has {
			_, after, found := bytes.Cut(rest, []byte(has))
			if !found {
				t.Errorf("%s: lacks %q", s.Name, has)
			}
			rest = after
		}
		for _, lacks := range want.lacks {
			if bytes.Contains(s.Wire, []byte(lacks)) {
				t.Errorf("%s: has %q", s.Name, lacks)
			}
		}
		if len(s.Wire) > 64<<10 {
			t.Errorf("%s: %d bytes is too large to be committed", s.Name, len(s.Wire))
		}
	}
}

// Only the samples whose point it is have a CR or LF of its own, 8-bit bytes without a label, or no
// final newline: this is what a line-end conversion by an editor or by git would break.
func TestSamplesAreInWireForm(t *testing.T) {
	for _, s := range messages.All() {
		rest := bytes.ReplaceAll(s.Wire, []byte("\r\n"), nil)
		if got, want := bytes.ContainsRune(rest, '\r'), s.Name == "bare-cr"; got != want {
			t.Errorf("%s: bare CR: %v, want %v", s.Name, got, want)
		}
		if got, want := bytes.ContainsRune(rest, '\n'), s.Name == "bare-lf"; got != want {
			t.Errorf("%s: bare LF: %v, want %v", s.Name, got, want)
		}
		if got, want := s.NoFinalNewline, s.Name == "no-final-newline"; got != want {
			t.Errorf("%s: NoFinalNewline: %v, want %v", s.Name, got, want)
		}
		if got, want := len(s.Wire) == 0, s.Name == "empty"; got != want {
			t.Errorf("%s: %d bytes", s.Name, len(s.Wire))
		}
		if got, want := bytes.HasPrefix(s.Wire, []byte("\r\n")), s.Name == "no-header"; got != want {
			t.Errorf("%s: begins with an empty line: %v", s.Name, got)
		}
		if got, want := bytes.HasSuffix(s.Wire, []byte("\r\n\r\n")), s.Name == "no-body"; got != want {
			t.Errorf("%s: ends with an empty line: %v", s.Name, got)
		}
	}
}

func TestLargeHoldsAnAttachmentOfThatSize(t *testing.T) {
	for _, size := range []int{0, 1, 57, 58, 1 << 20} {
		data, err := io.ReadAll(messages.Large(size))
		if err != nil {
			t.Fatal(err)
		}
		again, _ := io.ReadAll(messages.Large(size))
		if !bytes.Equal(data, again) {
			t.Errorf("Large(%d) differs from call to call", size)
		}
		_, rest, _ := bytes.Cut(data, []byte("base64\r\n\r\n"))
		body, end, found := bytes.Cut(rest, []byte("--large--"))
		decoded, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil || len(decoded) != size || !found || string(end) != "\r\n" {
			t.Errorf("Large(%d): %d bytes, %v, rest %q", size, len(decoded), err, end)
		}
		if bytes.Count(data, []byte("\n")) != bytes.Count(data, []byte("\r\n")) {
			t.Errorf("Large(%d): bare LF", size)
		}
	}
}

func TestGeneratedAreDistinctAndOrdinary(t *testing.T) {
	const count = 2000
	seen := map[[32]byte]bool{}
	total := 0
	for wire := range messages.Generated(count, 0) {
		seen[sha256.Sum256(wire)] = true
		total += len(wire)
		if !bytes.HasSuffix(wire, []byte("\r\n")) || bytes.Count(wire, []byte("\n")) != bytes.Count(wire, []byte("\r\n")) {
			t.Fatalf("not in wire form: %q", wire[:200])
		}
	}
	if mean := total / count; len(seen) != count || mean < messages.DefaultSize-200 || mean > messages.DefaultSize {
		t.Errorf("%d distinct of %d, %d bytes in the mean", len(seen), count, total/count)
	}
	for wire := range messages.Generated(3, 10) { // smaller than a header: a header, whole
		if !bytes.Contains(wire, []byte("\r\n\r\nDear Bob")) {
			t.Errorf("%q", wire)
		}
	}
	for range messages.Generated(10, 0) { // stops when asked to
		break
	}
}

func BenchmarkGenerated(b *testing.B) {
	b.SetBytes(messages.DefaultSize)
	b.ReportAllocs()
	for range messages.Generated(b.N, 0) {
	}
}

func BenchmarkLarge(b *testing.B) {
	b.SetBytes(10 << 20)
	for b.Loop() {
		io.Copy(io.Discard, messages.Large(10<<20))
	}
}
