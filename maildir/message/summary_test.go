package message_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postie/maildir/message"
	"postie/testdata/messages"
)

// summaries is what a list shows of some samples.
var summaries = map[string]message.Summary{
	"plain": {From: "Ann Example <ann@example.org>", To: "Bob Sample <bob@example.test>", Subject: "Sunday walk along the river",
		MessageID: "20240305140709.1A2B@mail.example.org", Date: time.Date(2024, 3, 5, 13, 7, 9, 0, time.UTC)},
	"empty":          {},
	"no-header":      {},
	"no-header-text": {},
	"header-8bit":    {From: "René Café <rene@cafe.example.org>", Subject: "Déjà vu: crème brûlée at five"},
	"header-utf8": {From: "Елена Пример <elena@example.org>", To: "Bob Sample <bob@example.test>, 花子 <hanako@例え.example.test>",
		Subject: "Grüße aus Αθήνα – 日本語 も OK ☕"},
	"header-iso-2022-jp":                {From: "山田花子 <hanako@example.test>", Subject: "来週の花見について"},
	"header-koi8-r":                     {From: "Иван Примеров <ivan@example.org>", Subject: "Приглашение на дачу"},
	"header-gb18030":                    {From: "李小明 <li@example.test>", Subject: "新茶已经寄出"},
	"header-windows-1252-as-iso-8859-1": {From: "The Baker’s Daughter <orders@bakery.example.org>", Subject: "Your order – “two loaves”, 7 €"},
	"header-utf-7":                      {From: "Jürgen Müller <juergen@example.org>", Subject: "Fünf Bäume für den Park …"},
	"header-unknown-charset":            {From: "Café Qonos <cafe@example.org>", Subject: "ÄÖÜ open day and soirée"},
	"header-broken-words": {From: "Jürgen Spaces inside <juergen@example.org>", To: `Bob "the Builder" Sample <bob@example.test>`,
		Subject: "Re: Bad hex =ZZ hereno padding =?utf-8?X?what?= =?utf-8?Q?never closed"},
	"header-split-words": {From: "Søren Prøve <soren@example.org>", Subject: "Übergrößenträger gesucht – 日本"},
	"header-folded-tabs": {From: "Choir of the Old Town <choir@example.org>", To: "Bob Sample <bob@example.test>, Ann Example <ann@example.org>",
		Subject: "Rehearsal moved to Thursday, in the small hall", MessageID: "folded-tabs@example.org", Date: time.Date(2024, 3, 24, 8, 0, 0, 0, time.UTC)},
	"header-duplicate": {From: "Ann Example <ann@example.org>", To: "bob@example.test", Subject: "The first subject counts",
		MessageID: "first@example.org", Date: time.Date(2024, 3, 25, 10, 0, 0, 0, time.UTC)},
	"header-no-colon":     {From: "Ann Example <ann@example.org>", To: "bob@example.test", Subject: "A space before the colon", MessageID: "no-colon@example.org"},
	"header-mbox-from":    {From: "Ann Example <ann@example.org>", Subject: "Exported from an old mailbox"},
	"header-cursor":       {From: "\x1b[31mYour Bank\x1b[0m <phish@example.test>", Subject: "\x1b[2J\x1b[1;1HAll is well \x1b]0;owned\a \x1b[5A  invoice \u202efdp.exe\u202c \u202etxt.gpj\u2066", MessageID: "cursor\x1b[K@example.test"},
	"header-groups":       {To: "Bob Sample <bob@example.test>, carol@example.test, undisclosed-recipients, Dave Demo <dave@example.org>"},
	"header-only":         {Subject: "A header, and not even an empty line", MessageID: "header-only@example.org"},
	"nul-bytes":           {Subject: "A zero in the subject"},
	"bare-lf":             {Subject: "Line feeds of their own"},
	"charset-wrong-label": {From: "Zoë <zoe@example.org>", Subject: "Crêpes à volonté"},
	"charset-no-label":    {From: "Björn <bjorn@example.org>", Subject: "Smörgåsbord"},
	"delivery-status":     {From: "Mail Delivery System <MAILER-DAEMON@mail.example.test>"},
	"mailing-list":        {From: "Dave Demo via Sourdough <sourdough@lists.example.org>", Subject: "[Sourdough] Rye starter turned grey: normal?"},
	"date-two-digit-year": {Date: time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)},
	"date-named-zone":     {Date: time.Date(2024, 4, 19, 13, 0, 0, 0, time.UTC)},
	"date-ctime":          {Date: time.Date(2024, 4, 19, 13, 0, 0, 0, time.UTC)},
	"date-iso-8601":       {Date: time.Date(2024, 4, 19, 13, 0, 0, 0, time.UTC)},
	"date-no-comma":       {Date: time.Date(2024, 4, 19, 13, 0, 0, 0, time.UTC)},
}

func TestSummarizeSamples(t *testing.T) {
	seen := 0
	for _, sample := range messages.All() {
		var h message.Header
		h.Write(sample.Wire)
		got := message.Summarize(h.Bytes())
		if wire := message.Summarize(sample.Wire); wire != got {
			t.Errorf("%s: of the wire form:\n%+v\nof the header:\n%+v", sample.Name, wire, got)
		}
		want, ok := summaries[sample.Name]
		if !ok {
			continue
		}
		seen++
		for _, field := range []struct{ name, got, want string }{
			{"From", got.From, want.From}, {"To", got.To, want.To}, {"Subject", got.Subject, want.Subject}, {"Message-ID", got.MessageID, want.MessageID},
		} {
			if empty := want == (message.Summary{}); field.got != field.want && (field.want != "" || empty) {
				t.Errorf("%s: %s:\n%q, want\n%q", sample.Name, field.name, field.got, field.want)
			}
		}
		if !got.Date.Equal(want.Date) && !want.Date.IsZero() {
			t.Errorf("%s: Date: %v, want %v", sample.Name, got.Date, want.Date)
		}
		if sample.Name == "date-hopeless" && !got.Date.IsZero() {
			t.Errorf("Date: %v", got.Date)
		}
	}
	if seen != len(summaries) {
		t.Errorf("%d of %d samples seen", seen, len(summaries))
	}
}

func TestSummarizeAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`ann@example.org`, `ann@example.org`},
		{`<ann@example.org>`, `ann@example.org`},
		{`"ann@example.org" <ann@example.org>`, `ann@example.org`},
		{`"Doe, John" <john@example.org>, Bob <bob@example.test>`, `Doe, John <john@example.org>, Bob <bob@example.test>`},
		{`ann@example.org (Ann Example)`, `Ann Example <ann@example.org>`},
		{`ann@example.org (Ann \(A, B\) Example), bob@example.test`, `Ann (A, B) Example <ann@example.org>, bob@example.test`},
		{`Ann @ Home <ann@example.org>`, `Ann @ Home <ann@example.org>`},
		{`Ann <ann at example dot org>`, `Ann <ann at example dot org>`},
		{`Ann <ann@example.org`, `Ann <ann@example.org>`},
		{`Ann <>`, `Ann`},
		{`"Ann <ann@example.org>`, `Ann <ann@example.org>`},
		{`a@x.example;b@y.example; c@z.example`, `a@x.example, b@y.example, c@z.example`},
		{`,, a@x.example,,b@y.example,`, `a@x.example, b@y.example`},
		{`undisclosed-recipients:;`, `undisclosed-recipients`},
		{`undisclosed-recipients:`, `undisclosed-recipients`},
		{`"Secret, group":;, a@x.example`, `Secret, group, a@x.example`},
		{`=?utf-8?Q?Doe,_J=C3=B6rg?= <j@x.example>`, `Doe, Jörg <j@x.example>`},
		{`=?utf-8?B?RG9lLCAiSsO2cmci?= <j@x.example>`, `Doe, "Jörg <j@x.example>`},
		{`=?utf-8?Q?A_<evil@y.example>?= <j@x.example>`, `A <evil@y.example> <j@x.example>`},
		{`j@x.example (=?utf-8?Q?J=C3=B6rg_(x)?=)`, `Jörg (x) <j@x.example>`},
		{`MAILER-DAEMON`, `MAILER-DAEMON`},
		{`@`, `@`},
		{``, ``},
		{`<<>>`, ``},
		{`John Q. Public <john@example.org>`, `John Q. Public <john@example.org>`},
	} {
		if got := message.Summarize([]byte("To: " + c.in + "\r\n")).To; got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestSummarizeBoundsWhatItShows(t *testing.T) {
	for _, sample := range messages.All() {
		if sample.Name != "header-many-recipients" {
			continue
		}
		to := message.Summarize(sample.Wire).To
		if len(to) > 1010 || len(to) < 800 || !strings.HasPrefix(to, "Alba Neighbour <alba.1@") || !strings.HasSuffix(to, ">, …") {
			t.Errorf("%d bytes: %s", len(to), to)
		}
	}
	long := strings.Repeat("日本", 1<<17)
	s := message.Summarize([]byte("Subject: " + long + "\nFrom: " + long + "\nMessage-ID: <" + long + ">\nTo: <" + long + ">\nDate: " + long + "\n"))
	for _, text := range []string{s.From, s.To, s.Subject, s.MessageID} {
		if len(text) > 1000 || !strings.HasSuffix(text, "本…") && !strings.HasSuffix(text, "日…") {
			t.Errorf("%d bytes, the end %q", len(text), text[max(0, len(text)-10):])
		}
	}
}

func TestSummarizeMessageID(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<a@b>", "a@b"}, {"  <a@b> <c@d>", "a@b"}, {"a@b", "a@b"}, {"a@b (comment)", "a@b"}, {"<a@b", "a@b"},
		{"<a\r\n b@c>", "ab@c"}, {"<>", ""}, {"", ""}, {"<caf\xe9@b>", "café@b"},
	} {
		if got := message.Summarize([]byte("message-id: " + c.in + "\r\n")).MessageID; got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSummarizeDate(t *testing.T) {
	want := time.Date(2024, 3, 5, 14, 7, 9, 0, time.UTC)
	minute, day := want.Truncate(time.Minute), want.Truncate(24*time.Hour)
	for in, want := range map[string]time.Time{
		"Tue, 05 Mar 2024 15:07:09 +0100":              want,
		"Tue, 5 Mar 2024 15:07:09 +0100 (CET)":         want,
		"Tue, 5 Mar 2024 15:07:09 +0100 (a (b) \\) c)": want,
		"(comment) Tue, 5 (fifth) Mar 2024 14:07:09 Z": want,
		"5 Mar 2024 14:07:09 GMT":                      want,
		"Tue, 05 Mar 24 14:07:09 UT":                   want,
		"Tue, 05 Mar 124 14:07:09 UT":                  want,
		"Tue, 05 Mar 2024 14:07:09 -0000":              want,
		"Tue, 05 Mar 2024 14:07:09":                    want,
		"Tue, 05 Mar 2024 14:07:09 XYZ":                want,
		"Tue, 05 Mar 2024 14:07:09 A":                  want,
		"Tue, 05 Mar 2024 09:07:09 EST":                want,
		"Tue, 05 Mar 2024 07:07:09 PDT":                want,
		"Tue, 05 Mar 2024 15:07:09 cet":                want,
		"Tue, 05 Mar 2024 15:07:09 \"MET\"":            want,
		"Tue, 05 Mar 2024 19:37:09 IST":                want,
		"Tue, 05 Mar 2024 16:07:09 GMT+0200":           want,
		"Tue, 05 Mar 2024 16:07:09 GMT+2":              want,
		"Tue, 05 Mar 2024 16:07:09 +02:00":             want,
		"Tue, 05 Mar 2024 16:07:09+0200":               want,
		"Tue, 05 Mar 2024 14:07:09GMT":                 want,
		"Tue, 05 Mar 2024 14:07:09 +9900":              want,
		"Tue, 05 Mar 2024 14:07 +0000":                 minute,
		"Tue,05 Mar 2024 14:07:09 +0000":               want,
		"Tue 05 Mar 2024 14:07:09 +0000":               want,
		"Tuesday, 5 March 2024 14:07:09 +0000":         want,
		"Tuesday, March 5, 2024 2:07 PM":               minute,
		"Tue, Mar 5th, 2024 2:07:09PM":                 want,
		"tue, 05 mar 2024 14:07:09 gmt":                want,
		"TUE, 05 MAR 2024 14:07:09 GMT":                want,
		"Mon, 05 Mar 2024 14:07:09 +0000":              want, // was a Tuesday
		"Tue Mar  5 14:07:09 2024":                     want,
		"Tue Mar  5 15:07:09 CET 2024":                 want,
		"Tue Mar  5 15:07:09 2024 +0100":               want,
		"Tue, 5 Mar 2024 14:7:9 +0000":                 want,
		"05-Mar-2024 14:07:09 +0000":                   want,
		"Tue, 05-Mar-24 14:07:09 GMT":                  want,
		"2024-03-05T14:07:09Z":                         want,
		"2024-03-05T15:07:09.123456+01:00":             want,
		"2024-03-05t15:07:09+0100":                     want,
		"2024-03-05 15:07:09 +0100":                    want,
		"2024-03-05 14:07:09":                          want,
		"20240305T140709Z":                             want,
		"2024/03/05 14:07:09":                          want,
		"2024-03-05":                                   day,
		"05.03.2024 14:07:09":                          want,
		"3/5/2024 2:07:09 PM":                          want,
		"3/5/2024 14:07":                               minute,
		"31/3/2024":                                    time.Date(2024, 3, 31, 0, 0, 0, 0, time.UTC),
		"Tue, 05 Mar 2024":                             day,
		"12/31/99 12:00 AM":                            time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC),
		"Sat, 31 Dec 2016 23:59:60 +0000":              time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC),
		"Fri, 30 Feb 2024 00:00:00 +0000":              time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
		"Tue,\r\n\t05 Mar\r\n 2024 14:07:09\r\n +0000": want,
		"":                              {},
		"yesterday":                     {},
		"Tue, 05 Mar":                   {},
		"Tue, 99 Mar 2024 00:00:00 GMT": {},
		"05 Foo 2024 00:00:00 GMT":      {},
		"05 Mar 99999999999999999999":   {},
		"::: --- ... +++":               {},
		"\xff\xfe":                      {},
	} {
		if got := message.Summarize([]byte("Date: " + in + "\r\n")).Date; got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzSummarize(f *testing.F) {
	for _, sample := range messages.All() {
		if len(sample.Wire) < 2000 {
			f.Add(sample.Wire)
		}
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		s := message.Summarize(header)
		for _, text := range []string{s.From, s.To, s.Subject, s.MessageID} {
			if !utf8.ValidString(text) || len(text) > 1010 || strings.ContainsAny(text, "\r\n\x00\u2028") {
				t.Errorf("%q gives %q", header, text)
			}
		}
		if _, offset := s.Date.Zone(); offset != 0 || s.Date.Year() > 10000 {
			t.Errorf("date %v", s.Date)
		}
	})
}

// Time is linear: what could make a search or a parser go back and forth costs no more than plain text.
func TestSummarizeHostileHeaders(t *testing.T) {
	for _, piece := range []string{"=?a?q?", "=?a?b?AA?= ", "=?", "(", "\"", "<", "\\", ",", ":", ";", "a:;", "\r\n ", "\xc3", "=?utf-7?Q?+?=", "a@b,"} {
		for _, name := range []string{"From", "To", "Subject", "Message-ID", "Date"} {
			message.Summarize([]byte(name + ": " + strings.Repeat(piece, message.MaxHeader/len(piece))))
		}
	}
	message.Summarize(bytes.Repeat([]byte("From: \n"), message.MaxHeader/7))
}

func BenchmarkSummarize(b *testing.B) {
	for _, sample := range messages.All() {
		switch sample.Name {
		case "plain", "header-koi8-r", "header-many-recipients", "mailing-list", "date-named-zone":
			b.Run(sample.Name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					message.Summarize(sample.Wire)
				}
			})
		}
	}
}

func TestReferences(t *testing.T) {
	for in, want := range map[string]string{
		"References: <a@x> <b@x>\n\t<c@x>\nIn-Reply-To: <z@x>\n":          "a@x b@x c@x",
		"In-Reply-To: <z@x> (Ann's message of today) <y@x>\n":             "z@x",
		"In-Reply-To: Your message of today <z@x>\n":                      "z@x",
		"In-Reply-To: Your message of today\n":                            "",
		"References: <a b@x><c@x>\n":                                      "ab@x c@x",
		"References: none\nIn-Reply-To: <z@x>\n":                          "z@x",
		"References: <a@x" + strings.Repeat("> <b@x", 2000) + "> <c@x>\n": "a@x" + strings.Repeat(" b@x", 999) + " c@x",
	} {
		if got := message.Summarize([]byte(in)).References; got != want {
			t.Errorf("%.60q: %.80q… (%d), want %.80q… (%d)", in, got, len(got), want, len(want))
		}
	}
	if got := message.Summarize([]byte("To: a@x\nCc: =?utf-8?q?J=C3=BCrgen?= <j@x>, k@x\n")); got.Cc != "Jürgen <j@x>, k@x" || got.To != "a@x" {
		t.Errorf("%+v", got)
	}
}
