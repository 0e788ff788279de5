// Package dovecot starts a private Dovecot for tests: on loopback, on free ports, from a configuration of its own,
// ended by its own process id. It reads and writes nothing outside the folder it is given.
package dovecot

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

//go:embed dovecot.conf
var configuration string

// Password is every user's.
const Password = "correct horse"

// Options says what kind of server is wanted; the zero value is an ordinary one with the user "alice".
type Options struct {
	Users          []string // default: alice. Each has the password Password
	Dir            string   // where everything lies; default: a folder of the test's, in memory where /dev/shm is
	Mechanisms     string   // SASL, default "plain login"; "apop" gives POP3 its stamp
	Separator      string   // of the hierarchy, default "/"
	Prefix         string   // of the personal namespace, default none
	MailLocation   string   // default "maildir:~/Maildir"
	IMAPCapability string   // replaces what the IMAP server offers, to take capabilities away
	Compress       bool     // IMAP COMPRESS=DEFLATE
	Notify         bool
	ListIndex      bool   // LIST … STATUS from an index, as large installations do
	Extra          string // more configuration, at the end
}

// Server is a running Dovecot.
type Server struct {
	Dir                      string
	IMAP, IMAPS, POP3, POP3S int    // ports on Host
	CA                       string // PEM file of the authority that signed the certificate for "localhost"

	cmd       *exec.Cmd
	done      chan struct{} // closed when the process has ended
	uid, gid  int           // of the mail
	delivered int           // messages, by Deliver
}

// Host is the name and address under which the server answers; the certificate is for it.
const Host = "127.0.0.1"

// Start starts a server that ends with the test. Without a usable Dovecot the test is skipped, or, where
// POSTIE_REQUIRE_DOVECOT is set (as .ci/run does), fails. With -short it is always skipped.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := launch(t, o)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			s.showLog(t)
		}
	})
	return s
}

// launch starts a server that somebody stops.
func launch(t testing.TB, o Options) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: it needs a Dovecot")
	}
	if err := usable(); err != nil {
		if os.Getenv("POSTIE_REQUIRE_DOVECOT") != "" {
			t.Fatalf("dovecot is required here: %v", err)
		}
		t.Skipf("skipped, since it needs a Dovecot: %v", err)
	}
	o.fill(t)
	var s *Server
	var err error
	for range 5 { // a free port may be taken by somebody else before Dovecot binds it
		if s, err = start(o); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("start dovecot: %v", err)
	}
	return s
}

func usable() error {
	path, err := exec.LookPath("dovecot")
	if err != nil {
		return errors.New("apt-get install dovecot-core dovecot-imapd dovecot-pop3d")
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	// 2.4 has another configuration syntax. Debian 12 has 2.3.
	if !strings.HasPrefix(string(version), "2.3.") {
		return fmt.Errorf("version 2.3 is needed, this is %s", bytes.TrimSpace(version))
	}
	return nil
}

func (o *Options) fill(t testing.TB) {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	if len(o.Users) == 0 {
		o.Users = []string{"alice"}
	}
	if o.Dir == "" {
		o.Dir = Dir(t)
	}
	def(&o.Mechanisms, "plain login")
	def(&o.Separator, "/")
	def(&o.MailLocation, "maildir:~/Maildir")
}

// Dir is a folder that goes with the test, in memory where the system has /dev/shm: for what is not about the disk.
// Its path is short, since the servers' sockets lie below it.
func Dir(t testing.TB) string {
	t.Helper()
	dir := makeDir(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func makeDir(t testing.TB) string {
	t.Helper()
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "postie")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(o Options) (*Server, error) {
	s := &Server{Dir: o.Dir, CA: filepath.Join(o.Dir, "ca.pem"), done: make(chan struct{})}
	if err := s.write(o); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	s.cmd = exec.Command("dovecot", "-F", "-c", filepath.Join(s.Dir, "dovecot.conf"))
	s.cmd.Stdout, s.cmd.Stderr = &output, &output
	s.cmd.SysProcAttr = group()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.cmd.Wait(); close(s.done) }()
	if err := s.answering(); err != nil {
		s.Stop()
		log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
		return nil, fmt.Errorf("%w\n%s%s", err, output.Bytes(), tail(log, 2000))
	}
	return s, nil
}

// write lays out the folder: users, certificate, configuration.
func (s *Server) write(o Options) error {
	var users strings.Builder
	for _, name := range o.Users {
		fmt.Fprintf(&users, "%s:{PLAIN}%s::::::\n", name, Password)
		if err := os.MkdirAll(s.Home(name), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "users"), []byte(users.String()), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(s.CA); err != nil {
		if err := writeCertificate(s.Dir); err != nil {
			return err
		}
	}
	for _, port := range []*int{&s.IMAP, &s.IMAPS, &s.POP3, &s.POP3S} {
		var err error
		if *port, err = freePort(); err != nil {
			return err
		}
	}
	return s.configure(o)
}

// configure fills in the configuration.
func (s *Server) configure(o Options) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	// Dovecot's login and mail processes refuse to be root; its package brings two users for that.
	mail, login := me, me
	if me.Uid == "0" {
		if mail, err = user.Lookup("dovecot"); err != nil {
			return err
		}
		if login, err = user.Lookup("dovenull"); err != nil {
			return err
		}
		if err := os.Chmod(s.Dir, 0o711); err != nil {
			return err
		}
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return err
	}
	s.uid, _ = strconv.Atoi(mail.Uid)
	s.gid, _ = strconv.Atoi(mail.Gid)
	if err := s.own(filepath.Join(s.Dir, "home")); err != nil {
		return err
	}
	var conf bytes.Buffer
	err = template.Must(template.New("dovecot.conf").Parse(configuration)).Execute(&conf, struct {
		Options
		*Server
		Dir, Name, User, LoginUser, Group, UID, GID string
	}{o, s, s.Dir, filepath.Base(s.Dir), me.Username, login.Username, group.Name, mail.Uid, mail.Gid})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, "dovecot.conf"), conf.Bytes(), 0o600)
}

// own gives all below path to the user as whom the server reads mail, where that is another one than ours.
func (s *Server) own(path string) error {
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return s.give(name)
	})
}

// give gives one file to that user.
func (s *Server) give(name string) error {
	if s.uid == os.Getuid() {
		return nil
	}
	return os.Lchown(name, s.uid, s.gid)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", Host+":0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answering waits for the greetings of both protocols.
func (s *Server) answering() error {
	for _, port := range []int{s.POP3, s.IMAP} {
		if err := s.greets(port); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) greets(port int) (err error) {
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); {
		select {
		case <-s.done:
			return errors.New("dovecot ended at once")
		case <-time.After(20 * time.Millisecond):
		}
		var conn net.Conn
		if conn, err = net.Dial("tcp", Address(port)); err != nil {
			continue
		}
		conn.SetReadDeadline(deadline)
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("dovecot does not greet: %w", err)
}

// Address is HOST:PORT for one of the server's ports.
func Address(port int) string { return fmt.Sprintf("%s:%d", Host, port) }

// Home is the user's home folder.
func (s *Server) Home(user string) string { return filepath.Join(s.Dir, "home", user) }

// Tunnel is a command that speaks IMAP for a user on its standard input and output, without a login (PREAUTH).
func (s *Server) Tunnel(user string) []string {
	return []string{"env", "USER=" + user, "HOME=" + s.Home(user), "/usr/lib/dovecot/imap", "-c", filepath.Join(s.Dir, "dovecot.conf"),
		"-o", fmt.Sprint("mail_uid=", s.uid), "-o", fmt.Sprint("mail_gid=", s.gid)}
}

// Stop ends the server, if it still runs, and waits for its end.
func (s *Server) Stop() {
	// The master alone takes a second to end its children, and sometimes waits for one that has ended.
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		syscall.Kill(-s.cmd.Process.Pid, signal)
		select {
		case <-s.done:
			return
		case <-time.After(time.Second):
		}
	}
}

// Deliver puts messages (wire or LF form) into the user's INBOX as an MTA would, without a running server's help.
func (s *Server) Deliver(t testing.TB, user string, messages ...[]byte) {
	t.Helper()
	dir := filepath.Join(s.Home(user), "Maildir")
	for _, folder := range []string{dir, filepath.Join(dir, "cur"), filepath.Join(dir, "new"), filepath.Join(dir, "tmp")} {
		if err := errors.Join(os.MkdirAll(folder, 0o700), s.give(folder)); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range messages {
		s.delivered++
		name := fmt.Sprintf("%d.M%06dP%d.test", time.Now().Unix(), s.delivered, os.Getpid())
		tmp := filepath.Join(dir, "tmp", name)
		err := errors.Join(os.WriteFile(tmp, bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n")), 0o600), s.give(tmp), os.Rename(tmp, filepath.Join(dir, "new", name)))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
