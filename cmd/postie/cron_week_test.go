package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/imap"
	"postie/imap/mirror"
	"postie/maildir"
)

// crontab is the line `*/30 * * * * postie sync -q`, and who gets its mails.
type crontab struct {
	*testing.T
	x       *exchange
	account config.Account
	secret  string        // password, or token, that is kept for it
	token   func() string // gives another token when the one that is kept has expired; nil: the secret is a password

	began time.Time
	runs  int
	mails []string // day, time, exit code, what was printed
	codes map[int]int
	n     int // letters so far
}

// Login gives what is kept, or a new token.
func (c *crontab) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	if c.token != nil {
		c.secret = c.token()
	}
	return nil, "alice", c.secret, nil
}

// run is one run: all that stays of it lies in the Maildir.
func (c *crontab) run() {
	at := time.Since(c.began)
	var out output
	a := newApp(&out, &out, &interruption{cancel: func(error) {}})
	a.quiet = true
	err := a.begin()
	if err != nil {
		c.Fatal(err)
	}
	err = a.each(c.Context(), []config.Account{c.account}, &connection{jobs: 1}, func(ctx context.Context, j *job) (ui.Summary, error) {
		s := &syncing{job: j}
		o, err := s.options(ctx, &syncFlags{})
		if err != nil {
			return ui.Summary{}, err
		}
		o.IMAP = imap.Options{Dial: c.x.dial, Login: c}
		report, err := mirror.Run(ctx, o)
		for _, g := range report.Guards {
			err = errors.Join(err, g)
		}
		return numbersOf(report), err
	})
	c.runs++
	code := exit.Code(err)
	c.codes[code]++
	if out.String() != "" {
		text, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
		c.mails = append(c.mails, fmt.Sprintf("day %d %02d:%02d, exit code %d: %s", at/(24*time.Hour), at/time.Hour%24, at/time.Minute%60, code, text))
	}
}

// next waits for the next half hour.
func (c *crontab) next() {
	const every = 30 * time.Minute
	time.Sleep(every - time.Since(c.began)%every)
}

// until runs it every 30 minutes until an hour of a day. Each four hours a letter comes there, one is put here, and something is done to one.
func (c *crontab) until(day, hour int) {
	for end := c.began.Add(time.Duration(day*24+hour) * time.Hour); time.Now().Before(end); c.next() {
		if c.runs%8 == 0 {
			c.n++
			c.x.deliver(c.n)
			inbox := maildir.Dir(filepath.Join(c.account.Maildir, "INBOX"))
			os.WriteFile(filepath.Join(string(inbox), "new", fmt.Sprintf("%d.here", c.n)), []byte(strings.ReplaceAll(letter(1000+c.n), "\r\n", "\n")), 0o600)
			for e, err := range inbox.Scan() {
				if err == nil && c.n%3 == 0 {
					inbox.SetFlags(e, e.Set^maildir.FlagFlagged, e.Letters)
				} else if err == nil && c.n%7 == 0 {
					inbox.Remove(e)
				}
				break
			}
		}
		c.run()
	}
}

// A week of cron, every 30 minutes: the server is restarted, the network lost, the password changed, a token expires, the provider throttles, the disk
// is full, a message ends the connection, a Maildir is away. What cron would have mailed is what a person wants to know, each once, whatever the
// exit codes; and in the end both sides are equal.
func TestCronWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a week takes 10 seconds")
	}
	t.Parallel()
	dir, disk := smallDisk(t, "16m") // files are no part of the bubble
	synctest.Test(t, func(t *testing.T) {
		account, err := config.ParseURL("imap://alice@127.0.0.1", filepath.Join(dir, "mail"))
		if err != nil {
			t.Fatal(err)
		}
		account.Name, account.Password, account.Retry = "work", config.Password{Literal: "unused"}, 2*time.Minute
		c := &crontab{T: t, x: newExchange(t), account: account, secret: "first", began: time.Now(), codes: map[int]int{}}
		defer func() {
			close(c.x.accept)
			c.x.server.Close()
			synctest.Wait()
		}()
		c.week(disk)
		want := []string{
			"day 0 12:00, exit code 5: postie: work (127.0.0.1): dial tcp: no route to host",
			"day 1 10:00, exit code 4: postie: work (127.0.0.1): connect: login by LOGIN: LOGIN: server refused",
			"day 2 12:00, exit code 5: postie: work (127.0.0.1)",
			"day 3 02:00, exit code 1: postie: work (127.0.0.1): open index: write ",
			"day 4 00:00, exit code 3: postie: work (127.0.0.1): INBOX: download UID ",
			"day 6 06:00, exit code 6: postie: work (127.0.0.1): INBOX is gone here",
		}
		if !disk {
			want = slices.Delete(want, 3, 4)
		}
		if !slices.EqualFunc(c.mails, want, func(got, want string) bool { return strings.HasPrefix(got, want) }) {
			t.Errorf("cron mailed\n%s\nwant\n%s", strings.Join(c.mails, "\n"), strings.Join(want, "\n"))
		}
		t.Logf("%d runs, exit codes %v, the poison asked for %d times", c.runs, c.codes, c.x.poisoned)
		c.x.equal(account.Maildir, 60)
	})
}

// week is what happens.
func (c *crontab) week(disk bool) {
	x, root := c.x, c.account.Maildir
	c.until(0, 3)
	x.be(func() { x.down = syscall.ECONNREFUSED }) // the server is restarted: seconds later the run goes on
	go func() {
		time.Sleep(10 * time.Second)
		x.be(func() { x.down = nil })
	}()
	c.run()
	c.next()
	c.until(0, 12)
	x.be(func() { x.down = syscall.EHOSTUNREACH }) // the network is lost: somebody has to look at that
	c.until(0, 14)
	x.be(func() { x.down = nil })
	c.until(1, 10)
	x.be(func() { x.password = "second" })
	c.until(1, 16)
	c.secret = "second" // the user finds out, by the mail
	c.until(2, 2)
	c.token = func() string { return "third" }
	x.be(func() { x.password = "third" }) // a token expires: a new one is had without anybody
	c.until(2, 12)
	x.be(func() {
		x.refuses = &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: "THROTTLED", Text: "too much; try again in 30 minutes"}
	})
	c.run()
	c.next()
	x.be(func() { x.refuses = nil })
	c.until(3, 2)
	if disk {
		ballast := filepath.Join(filepath.Dir(root), "ballast")
		flood(x.T, ballast)
		c.until(3, 5)
		os.Remove(ballast)
	}
	c.until(4, 0)
	poison := x.deliver(4000) // and what comes behind it is not held up
	x.be(func() { x.poison = poison })
	c.until(5, 12)
	x.be(func() { x.poison = 0 }) // the provider mends it
	c.until(6, 6)
	inbox := filepath.Join(root, "INBOX")
	os.Rename(inbox, root+".away") // and nothing is deleted there, whatever comes meanwhile
	c.until(6, 16)
	os.RemoveAll(inbox)
	os.Rename(root+".away", inbox)
	c.until(7, 12)
}
