package foreign

import (
	"strings"
	"testing"
)

// What channels, stores and accounts of isync become: text replaces lines of an ordinary .mbsyncrc (KEY, then what stands there instead).
func TestMbsync(t *testing.T) {
	const ordinary = `IMAPStore r
Host h.test
User u
PassCmd "pass h"
SSLType IMAPS
#R

MaildirStore l
Path ~/Mail/
Inbox ~/Mail/INBOX
#L

Channel c
Far :r:
Near :l:
Patterns *
Create Both
Expunge Both
#C

#M
`
	const account = `{"Name":"c","Protocol":"imap","Host":"h.test","TLS":"implicit","User":"u","PasswordCommand":["sh","-c","pass h"],"Maildir":"/home/u/Mail","Mailboxes":["*"],"Layout":"fs","Create":"both"}`
	for _, c := range []struct{ name, from, to, has, not string }{
		{"ordinary", "", "", account, "refused"},
		{"expunge is None by default", "Expunge Both\n", "", `"MarkOnly":true`, "refused"},
		{"expunge None", "Expunge Both", "Expunge None", "line 18: expunge None: expunge = false", "refused"},
		{"expunge None for all channels", "Create Both\nExpunge Both\n#C\n\n#M", "#C\n\nCreate Both\nExpunge None\n", `"MarkOnly":true`, "refused"},
		{"expunge here", "Expunge Both", "Expunge Slave", `"MarkOnly":true`, "refused"},
		{"expunge on the far side", "Expunge Both", "Expunge Far", `"Create":"both"}`, "MarkOnly"},
		{"create is None by default", "Create Both\n", "", `"Create":"none"`, "refused"},
		{"create near", "Create Both", "Create Slave", `"Create":"local"`, "refused"},
		{"for all channels", "Create Both\nExpunge Both\n#C\n\n#M", "#C\n\nCreate Far\nExpunge Both\n", `"Create":"remote"}`, "refused"},
		{"trash", "#R", "Trash Bin", `"Trash":"Bin"`, "trash"},
		{"trash below a prefix", "#R", "Path Mail/\nTrash Bin", `"Trash":"Mail/Bin"`, "trash"},
		{"trash, of new messages only", "#R", "Trash Bin\nTrashNewOnly yes", "trashnewonly", "refused"},
		{"trash here", "#L", "Trash Bin", "line 11: trash of the Maildir store is not carried over", "refused"},
		{"large messages", "#L", "MaxSize 1m", `"MaxSize":1048576`, "maxsize"},
		{"large messages there", "#R", "MaxSize 1m", "maxsize of the IMAP store: postie uploads", `"MaxSize"`},
		{"messages of no size", "#L", "MaxSize huge", "line 11: maxsize huge is no size", `"MaxSize"`},
		{"large messages, by channel", "#C", "MaxSize 200kb", `"MaxSize":204800`, "maxsize"},
		{"tokens", "SSLType IMAPS", "SSLType IMAPS\nAuthMechs XOAUTH2", `"TokenCommand":["sh","-c","pass h"],"Auth":"xoauth2"`, "PasswordCommand"},
		{"tokens, of the other kind", "SSLType IMAPS", "SSLType IMAPS\nAuthMechs OAUTHBEARER", `"TokenCommand":["sh","-c","pass h"],"Auth":"oauthbearer"`, "PasswordCommand"},
		{"no type of TLS", "SSLType IMAPS\n", "", `"TLS":"starttls"`, "refused"},
		{"pull only", "#C", "Sync Pull", `"Direction":"pull"`, "refused"},
		{"pull only, for all channels", "Create Both\nExpunge Both\n#C\n\n#M", "#C\n\nSync Pull\nCreate Near\nExpunge Both\n", `"Direction":"pull"`, "refused"},
		{"push only, all of it", "#C", "Sync Push", `"Direction":"push"`, "refused"},
		{"new messages only", "#C", "Sync PullNew", "refused c: line 19: sync PullNew", account},
		{"push only", "#C", "Sync PushNew PushFlags", "refused c: line 19: sync", account},
		{"nothing", "#C", "Sync None", "refused c: line 19: sync None", account},
		{"some of it", "#C", "Sync New Flags", "line 19: sync New Flags: postie", "refused"},
		{"flat", "#L", "Flatten .", "line 11: flatten .: folders that are there keep their names", "refused"},
		{"other letters before flags", "#L", "InfoDelimiter ;", "refused c: line 11: infodelimiter ;", account},
		{"beginning of names", "Path ~/Mail/\n", "Path ~/Mail/.\n", "refused c: line 9: Path ~/Mail/.", account},
		{"INBOX beside the tree, by name", "Patterns *\n", "Patterns * INBOX\n", account[:20], "refused"},
		{"INBOX outside", "Inbox ~/Mail/INBOX\n", "Inbox ~/Maildir\n", `"Mailboxes":["*","!INBOX"]`, "refused"},
		{"INBOX outside, by name", "Inbox ~/Mail/INBOX\n#L\n\nChannel c\nFar :r:\nNear :l:\nPatterns *", "#L\n\nChannel c\nFar :r:\nNear :l:\nPatterns INBOX Sent", "refused c: INBOX lies in ~/Maildir", account},
		{"the messages of one mailbox", "Patterns *\n", "", `"Mailboxes":["INBOX"]`, "refused"},
		{"a mailbox of another name", "Far :r:\nNear :l:\nPatterns *\n", "Far :r:Sent\nNear :l:out\n", `"Mailboxes":["Sent"]`, "refused"},
		{"a part of the server", "Far :r:\n", "Far :r:Lists/\n", `"Mailboxes":["Lists/*"]`, "refused"},
		{"a prefix of the server", "#R", "Path Mail/", `"Mailboxes":["Mail/*"]`, "refused"},
		{"a tree within the store", "Near :l:", "Near :l:work/", `"Maildir":"/home/u/Mail/work"`, "refused c: INBOX"},
		{"two channels of one account", "#M", "Channel d\nFar :r:Sent\nNear :l:Sent\nCreate Both\nExpunge Both\n", `"Mailboxes":["*","Sent"]`, `"Name":"d"`},
		{"one leaves out what the other takes", "Patterns *\nCreate Both\nExpunge Both\n#C\n\n#M", "Patterns * !Sent !Junk\nCreate Both\nExpunge Both\n\nChannel d\nFar :r:Sent\nNear :l:Sent\nCreate Both\nExpunge Both\n", `"Mailboxes":["*","Sent","!Junk"]`, "refused"},
		{"three channels of one store", "Far :r:\nNear :l:\nPatterns *\nCreate Both\nExpunge Both\n#C\n\n#M", "Far :r:\nNear :l:\nPatterns INBOX\nCreate Both\nExpunge Both\n\nChannel d\nFar :r:Sent\nNear :l:Sent\nCreate Both\nExpunge Both\n\nChannel e\nFar :r:Work\nNear :l:Work\nCreate Both\nExpunge Both\n", `"Mailboxes":["INBOX","Sent","Work"]`, "refused"},
		{"which cannot be one list", "Patterns *\nCreate Both\nExpunge Both\n#C\n\n#M", "Patterns * !S*\nCreate Both\nExpunge Both\n\nChannel d\nFar :r:Sent\nNear :l:Sent\nCreate Both\nExpunge Both\n", "refused c: line 16", account[:20]},
		{"which do not do the same", "#M", "Channel d\nFar :r:Sent\nNear :l:Sent\nCreate Both\nExpunge None\n", "refused c: line 21: channel d creates, expunges or syncs otherwise", account[:20]},
		{"the last that matches counts", "Patterns *\n", "Patterns * !Lists/* Lists/golang\n", "refused c: line 16", account[:20]},
		{"two accounts in one tree", "#M", "IMAPStore s\nHost s.test\nUser v\n\nChannel d\nFar :s:\nNear :l:\nPatterns *\nCreate Both\nExpunge Both\n", "refused d: line 25: channel d and channel c keep two accounts in one tree", account[:20]},
		{"two accounts in trees of a store", "Near :l:\nPatterns *\nCreate Both\nExpunge Both\n#C\n\n#M", "Near :l:one\nPatterns *\nCreate Both\nExpunge Both\n\nIMAPStore s\nHost s.test\nUser v\n\nChannel d\nFar :s:\nNear :l:two\nPatterns *\nCreate Both\nExpunge Both\n", `"Maildir":"/home/u/Mail/two"`, "refused"},
		{"the server is near", "Far :r:\nNear :l:", "Far :l:\nNear :r:", "refused c: line 13", account[:20]},
		{"only so many", "#C", "MaxMessages 100", "line 19: maxmessages 100 is not carried over", "refused"},
		{"mailboxes are removed", "#C", "Remove None", "line 19: remove None: postie removes", "refused"},
	} {
		text := strings.Replace(ordinary, c.from, c.to, 1)
		if c.from != "" && text == ordinary {
			t.Errorf("%s: nothing was replaced", c.name)
		}
		r, err := Read(".mbsyncrc", []byte(text), "/home/u")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := show(t, r); !strings.Contains(got, c.has) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s:\n%s\nwant %s\nnot %s", c.name, got, c.has, c.not)
		}
	}
}

// Secrets, tunnels and paths of the others.
func TestOtherPrograms(t *testing.T) {
	for _, c := range []struct{ name, file, text, has, not string }{
		{"a secret of its own", ".mpoprc", "account a\nhost h\nuser a\npasswordeval pa\naccount b : a\nuser b\npassword x\n", `"User":"b","HasPassword":true`, `"User":"b","PasswordCommand"`},
		{"a command of its own", ".mpoprc", "account a\nhost h\nuser a\npassword x\naccount b : a\nuser b\npasswordeval pb\n", `"User":"b","PasswordCommand":["sh","-c","pb"]`, `"User":"b","HasPassword"`},
		{"another user", ".mpoprc", "account a\nhost h\nuser a\npasswordeval pa\naccount b : a\nuser b\n", "line 5: account b takes after a, whose password", `"User":"b","PasswordCommand"`},
		{"the same user", ".mpoprc", "account a\nhost h\nuser a\npasswordeval pa\naccount b : a\nkeep on\n", `"Name":"b","Protocol":"pop3","Host":"h","TLS":"none","User":"a","PasswordCommand":["sh","-c","pa"]`, "takes after"},
		{"nobody's heir", ".mpoprc", "account b : a\nhost h\n", "line 1: account b takes after a, which is not known", ""},
		{"a plugin", ".fetchmailrc", `poll h.test proto pop3 user "a" ssl plugin "ssh gate nc %h %p"`, `"Tunnel":["sh","-c","ssh gate nc h.test 995"]`, "%h"},
		{"a plugin and a port behind it", ".fetchmailrc", `poll h.test proto imap plugin "nc %h %p" port 1143 user "a"`, "nc h.test 1143", "%p"},
		{"a plugin in one word", ".fetchmailrc", `poll h.test proto imap user "a" ssl plugin "socat STDIO OPENSSL:%h:%p"`, "OPENSSL:h.test:993", "%h"},
		{"an MDA", ".fetchmailrc", `poll h.test proto pop3 user "a" mda "/usr/bin/procmail -d %T"`, "line 1: mda /usr/bin/procmail -d %T is not carried over", `"Maildir"`},
		{"a heir's heir", ".mpoprc", "account a\nhost h\nuser a\npasswordeval pa\naccount b : a\nuser b\naccount c : b\n", "line 7: account c takes after b", `"User":"b","PasswordCommand"`},
		{"the same user elsewhere", ".mpoprc", "account a\nhost h\nuser a\npasswordeval pa\naccount b : a\nhost i\n", "line 5: account b takes after a, whose password", `"Host":"i","TLS":"none","User":"a","PasswordCommand"`},
		{"a program of another kind", "getmailrc", "[retriever]\ntype=SimplePOP3Retriever\nserver=h\n[destination]\ntype=MDA_qmaillocal\npath=/var/qmail\n", "line 6: path /var/qmail is no Maildir", `"Maildir"`},
		{"a program before its type", "getmailrc", "[retriever]\ntype=SimplePOP3Retriever\nserver=h\n[destination]\npath=/usr/bin/procmail\ntype=MDA_external\n", "line 5: path /usr/bin/procmail is no Maildir", `"Maildir"`},
		{"a Maildir", "getmailrc", "[retriever]\ntype=SimplePOP3Retriever\nserver=h\n[destination]\npath=~/in/\ntype=Maildir\n", `"Maildir":"/home/u/in"`, "not carried over"},
		{"tokens", "getmailrc", "[retriever]\ntype=SimpleIMAPSSLRetriever\nserver=h\nuse_xoauth2=True\npassword_command=(\"token\",)\n", `"TokenCommand":["token"]`, `"PasswordCommand"`},
	} {
		r, err := Read(c.file, []byte(c.text), "/home/u")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := show(t, r); !strings.Contains(got, c.has) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s:\n%s\nwant %s\nnot %s", c.name, got, c.has, c.not)
		}
	}
}
