package foreign

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{".mbsyncrc", `
# work
IMAPAccount work
Host imap.example.org
Port 1993
User bob
PassCmd "pass show mail/bob"
SSLType IMAPS
AuthMechs SCRAM-SHA-256

IMAPStore work-remote
Account work

MaildirStore work-local
Path ~/Mail/work/
Inbox ~/Mail/work/INBOX
SubFolders Verbatim

Channel work
Far :work-remote:
Near :work-local:
Patterns * !Junk "!Old Stuff"
Create Both
Expunge Near
SyncState *
`, `mbsync
{"Name":"work","Protocol":"imap","Host":"imap.example.org","Port":1993,"TLS":"implicit","User":"bob","PasswordCommand":["sh","-c","pass show mail/bob"],"Auth":"scram-sha-256","Maildir":"/home/u/Mail/work","Mailboxes":["*","!Junk","!Old Stuff"],"Layout":"fs","Create":"both","MarkOnly":true}
line 24: expunge Near: expunge = false, a deletion here only marks the message on the server
one program keeps a tree: once postie has synced, mbsync would upload again what postie brought there; stop its timer`},
		{"x", `IMAPStore r
Host h.test
User u
Pass "hunter2"
SSLType STARTTLS

MaildirStore l
Inbox ~/Maildir
SubFolders Maildir++

Channel c
Master :r:Lists
Slave :l:
`, `mbsync
{"Name":"c","Protocol":"imap","Host":"h.test","TLS":"starttls","User":"u","HasPassword":true,"Maildir":"/home/u/Maildir","Mailboxes":["Lists"],"Layout":"maildir++","Create":"none","MarkOnly":true}
line 4: the password is not carried over
line 11: channel c has no Create, which is None: create = "none"
line 11: channel c has no Expunge, which is None: expunge = false, a deletion here only marks the message on the server
one program keeps a tree: once postie has synced, mbsync would upload again what postie brought there; stop its timer`},
		{"getmailrc", `[retriever]
type = SimplePOP3SSLRetriever
server = pop.example.org
username = alice
password = hunter2
[destination]
type = Maildir
path = ~/Maildir/
[options]
delete = true
delete_after = 14
max_message_size = 1000
`, `getmail
{"Name":"example","Protocol":"pop3","Host":"pop.example.org","TLS":"implicit","User":"alice","HasPassword":true,"Maildir":"/home/u/Maildir","KeepFor":14}
line 5: the password is not carried over
line 12: max_message_size in [options] is not carried over`},
		{"getmailrc", `[retriever]
type = SimpleIMAPSSLRetriever
server = imap.example.org
username = alice
password_command = ("pass", "show", "alice")
mailboxes = ("INBOX", "Sent")
[destination]
type = MDA_external
path = /usr/bin/procmail
`, `getmail
{"Name":"imap","Protocol":"imap","Host":"imap.example.org","TLS":"implicit","User":"alice","PasswordCommand":["pass","show","alice"],"Keep":true,"Mailboxes":["INBOX","Sent"],"MarkOnly":true}
line 8: MDA_external: postie stores into a Maildir only; filter from a hook
line 9: path /usr/bin/procmail is no Maildir: not carried over
imap.example.org: getmail only fetches; postie sync keeps both sides equal. expunge = false: what is deleted here is only marked on the server, and nothing is deleted there for having been fetched`},
		{".mpoprc", `defaults
tls on
tls_starttls off
keep on

account one
host pop.one.test
user a
passwordeval "pass show one"
delivery maildir ~/Mail/one

account two : one
host pop.two.test
port 110
tls_starttls on
keep off
delivery mbox ~/mbox
account default : one
`, `mpop
{"Name":"one","Protocol":"pop3","Host":"pop.one.test","TLS":"implicit","User":"a","PasswordCommand":["sh","-c","pass show one"],"Maildir":"/home/u/Mail/one","Keep":true}
{"Name":"two","Protocol":"pop3","Host":"pop.two.test","Port":110,"TLS":"starttls","User":"a","Maildir":"/home/u/Mail/one"}
line 17: delivery mbox: postie stores into a Maildir only; set maildir
line 12: account two takes after one, whose password is that of a on pop.one.test: not carried over; set password_command`},
		{".fetchmailrc", `# mine
set daemon 300
defaults proto pop3 keep
poll pop.example.org with proto IMAP port 993:
   user "alice" there with password "hunter2" is alice here options ssl folder INBOX, Lists
   user 'bob' nokeep mda "procmail -d %T"
skip other.test user carol ssl
`, `fetchmail
{"Name":"example","Protocol":"imap","Host":"pop.example.org","Port":993,"TLS":"implicit","User":"alice","HasPassword":true,"Keep":true,"Mailboxes":["INBOX","Lists"],"MarkOnly":true}
{"Name":"example","Protocol":"imap","Host":"pop.example.org","Port":993,"TLS":"starttls","User":"bob","MarkOnly":true}
{"Name":"other","Protocol":"pop3","Host":"other.test","TLS":"implicit","User":"carol","Keep":true}
line 2: set daemon is not carried over; postie service makes a timer
line 5: the password is not carried over
pop.example.org: fetchmail only fetches; postie sync keeps both sides equal. expunge = false: what is deleted here is only marked on the server, and nothing is deleted there for having been fetched
line 6: mda procmail -d %T is not carried over; set maildir, and filter from a hook
pop.example.org: fetchmail only fetches; postie sync keeps both sides equal. expunge = false: what is deleted here is only marked on the server, and nothing is deleted there for having been fetched
line 7: other.test is polled only when it is named there; here it is like the others`},
	}
	for _, tt := range tests {
		r, err := Read(tt.name, []byte(tt.text), "/home/u")
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := show(t, r); got != tt.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	if _, err := Read("x", []byte("hello\n"), "/"); err == nil {
		t.Error("took anything for a configuration")
	}
}

// show prints a result without what is not set.
func show(t testing.TB, r *Result) string {
	t.Helper()
	lines := []string{r.Program}
	for _, a := range r.Accounts {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		for _, f := range splitFields(string(text)) {
			_, value, _ := strings.Cut(f, ":")
			if value != `""` && value != "0" && value != "false" && value != "null" {
				fields = append(fields, f)
			}
		}
		lines = append(lines, "{"+strings.Join(fields, ",")+"}")
	}
	for _, n := range r.Notes {
		lines = append(lines, n.String())
	}
	for _, n := range r.Refused {
		lines = append(lines, "refused "+n.Account+": "+n.String())
	}
	return strings.Join(lines, "\n")
}

// splitFields takes a flat JSON object apart.
func splitFields(text string) (list []string) {
	depth, quoted, start := 0, false, 1
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && text[i-1] != '\\':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case (c == ',' || c == '}') && depth == 0:
			list = append(list, text[start:i])
			start = i + 1
		}
	}
	return list
}

// No file brings it down, and notes name lines that are there.
func FuzzRead(f *testing.F) {
	for _, name := range []string{".mbsyncrc", "getmailrc", ".mpoprc", ".fetchmailrc"} {
		f.Add(name, "IMAPStore r\nPass \"hunter2\"\n\nChannel c\nFar :r:\nNear :l:\n")
		f.Add(name, "[retriever]\ntype=SimplePOP3Retriever\npassword = hunter2\n")
		f.Add(name, "account a : b\npassword hunter2\naccount default : a\n")
		f.Add(name, "poll h user u pass hunter2 user v\ndefaults")
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		r, err := Read(name, []byte(text), "/home/u")
		if err != nil {
			return
		}
		for _, n := range r.Notes {
			if n.Line < 0 || n.Line > strings.Count(text, "\n")+1 {
				t.Errorf("%+v", n)
			}
		}
	})
}
