package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/rogpeppe/go-internal/testscript"

	"postie/cmd/postie/internal/demo"
)

// The IMAP side of the scenarios: the built-in server of `postie demo`, and another client of it, so that they run where
// there is no Dovecot. User and password are demo.
func imapCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"imap": serveIMAP, "put": putMail, "store": storeFlag, "expunge": expunge, "holds": holds,
	}
}

// imap NAME: a server with the sample messages; sets $NAME to HOST:PORT and $NAME_PORT.
func serveIMAP(ts *testscript.TestScript, neg bool, args []string) {
	s, err := demo.StartIMAP()
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Setenv(args[0], net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	ts.Setenv(args[0]+"_PORT", strconv.Itoa(s.Port))
}

// beside is another client of a server, with a mailbox selected.
func beside(ts *testscript.TestScript, name, mailbox string) (*imapclient.Client, *imap.SelectData) {
	c, err := imapclient.DialInsecure(ts.Getenv(name), nil)
	ts.Check(err)
	ts.Defer(func() { c.Close() })
	ts.Check(c.Login(demo.User, demo.Password).Wait())
	selected, err := c.Select(mailbox, nil).Wait()
	ts.Check(err)
	return c, selected
}

// put NAME MAILBOX SUBJECT: one more message on the server.
func putMail(ts *testscript.TestScript, neg bool, args []string) {
	c, _ := beside(ts, args[0], args[1])
	text := fmt.Sprintf("From: ann@example.org\r\nSubject: %s\r\nMessage-ID: <%[1]s@put.test>\r\n\r\ntext\r\n", strings.ReplaceAll(args[2], " ", "-"))
	cmd := c.Append(args[1], int64(len(text)), nil)
	_, err := cmd.Write([]byte(text))
	ts.Check(err)
	ts.Check(cmd.Close())
	_, err = cmd.Wait()
	ts.Check(err)
}

// store NAME MAILBOX SUBJECT FLAG: another client sets a flag on the messages of this subject.
func storeFlag(ts *testscript.TestScript, neg bool, args []string) {
	c, _ := beside(ts, args[0], args[1])
	found, err := c.UIDSearch(subjectIs(args[2]), nil).Wait()
	ts.Check(err)
	if len(found.AllUIDs()) == 0 {
		ts.Fatalf("no message %q is in %s", args[2], args[1])
	}
	ts.Check(c.Store(found.All, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.Flag(args[3])}}, nil).Close())
}

func subjectIs(subject string) *imap.SearchCriteria {
	return &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: subject}}}
}

// expunge NAME MAILBOX N: another client deletes the first N messages; all: all of them.
func expunge(ts *testscript.TestScript, neg bool, args []string) {
	c, selected := beside(ts, args[0], args[1])
	n, err := strconv.Atoi(args[2])
	if args[2] == "all" {
		n, err = int(selected.NumMessages), nil
	}
	ts.Check(err)
	var first imap.SeqSet
	first.AddRange(1, uint32(n))
	ts.Check(c.Store(first, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
	ts.Check(c.Expunge().Close())
}

// holds NAME MAILBOX N [SUBJECT [FLAG]]: so many messages, of this subject and with that flag, are in a mailbox of the server.
func holds(ts *testscript.TestScript, neg bool, args []string) {
	c, _ := beside(ts, args[0], args[1])
	criteria := &imap.SearchCriteria{}
	if len(args) > 3 {
		criteria = subjectIs(args[3])
	}
	if len(args) > 4 {
		criteria.Flag = []imap.Flag{imap.Flag(args[4])}
	}
	found, err := c.UIDSearch(criteria, nil).Wait()
	ts.Check(err)
	if n := len(found.AllUIDs()); strconv.Itoa(n) != args[2] {
		ts.Fatalf("%s of server %s holds %d messages of %q, want %s", args[1], args[0], n, args[3:], args[2])
	}
}
