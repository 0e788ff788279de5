package credential

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"
)

// alone takes away every place in which a secret could be found without configuration.
func alone(t *testing.T) (home string) {
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("NETRC", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "")
	return home
}

func write(t *testing.T, path, text string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // against the umask
		t.Fatal(err)
	}
	return path
}

func TestSources(t *testing.T) {
	home := alone(t)
	dir := t.TempDir()
	keyring.MockInit()
	t.Setenv("GOOD", word)
	t.Setenv("EMPTY", "")
	t.Setenv("TWO_LINES", word+"\n"+word)
	stored := Vault{Keyring: true}
	if place, err := stored.Set(t.Context(), PasswordKey("alice", "h.test"), NewSecret(word)); err != nil || place != "the keyring" {
		t.Fatal(place, err)
	}
	file := func(name, text string, mode fs.FileMode) string {
		return write(t, filepath.Join(dir, name), text, mode)
	}
	two, bare := file("two", word+"\nlogin: alice\n", 0o600), file("bare; $HOME 'x", word, 0o600)
	for _, c := range []struct {
		name   string
		source *Source
		fails  string // "": gives word
	}{
		{"literal", &Source{Password: NewSecret(word)}, ""},
		{"literal of two lines", &Source{Password: NewSecret(word + "\nx")}, "password: gave a secret with"},
		{"command", &Source{Command: []string{"cat", two}}, ""},
		{"command without newline or shell", &Source{Command: []string{"cat", bare}}, ""},
		{"command gives nothing", &Source{Command: []string{"true"}}, "password_command true: gave nothing"},
		{"command fails", &Source{Command: []string{"sh", "-c", "cat " + two + "; echo no key for $(head -1 " + two + ") >&2; exit 3"}},
			"password_command sh: exit status 3: no key for ***"},
		{"command is missing", &Source{Command: []string{"postie-has-no-such-command", "--for=alice"}},
			"password_command postie-has-no-such-command: exec"},
		{"command is slow", &Source{Command: []string{"sleep", "60"}, Timeout: time.Millisecond},
			"password_command sleep: no answer within 1ms"},
		{"file", &Source{File: file("good", word+"\r\nrest", 0o600)}, ""},
		{"file others read", &Source{File: file("other", word, 0o604)}, "refused, others than its owner have access (mode 0604): chmod 600"},
		{"file the group reads", &Source{File: file("group", word, 0o640)}, "mode 0640"},
		{"file is missing", &Source{File: filepath.Join(dir, "none")}, "no such file"},
		{"file is empty", &Source{File: file("empty", "", 0o600)}, "gave nothing"},
		{"file is a folder", &Source{File: home}, "password_file " + home},
		{"env", &Source{Env: "GOOD"}, ""},
		{"env unset", &Source{Env: "POSTIE_NO_SUCH"}, "password_env POSTIE_NO_SUCH: the variable is not set"},
		{"env empty", &Source{Env: "EMPTY"}, "password_env EMPTY: the variable is empty"},
		{"env of two lines", &Source{Env: "TWO_LINES"}, "line end"},
		{"keyring", &Source{Vault: &stored, User: "alice", Host: "h.test"}, ""},
		{"keyring without it", &Source{Vault: &stored, User: "bob", Host: "h.test", Account: "b"},
			"keyring: \"bob@h.test\" is not stored: file does not exist: store the password with `postie login b`"},
		{"nothing", &Source{Account: "home", User: "alice", Host: "h.test"},
			"no password for account home: set password_command, password_file, password_env, password or keyring = true " +
				"(stored by `postie login home`) in the configuration, give the systemd credential postie.home, " +
				"write ‘machine h.test login alice password …’ into ~/.netrc, or run postie on a terminal, where it asks"},
		{"no terminal", &Source{Account: "home", Terminal: NewTerminal(file("tty", "", 0o600))}, "no password for account home"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.source.Secret(t.Context())
			if err != nil {
				conceal(t, "the error", show(err)+err.Error(), word)
			}
			conceal(t, "the source", show(c.source), word)
			switch {
			case c.fails == "" && (err != nil || got.Reveal() != word):
				t.Errorf("%q, %v", got.Reveal(), err)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v, not %s", err, c.fails)
			case c.fails != "" && !errors.As(err, new(*SourceError)) && !errors.As(err, new(*NoSecretError)):
				t.Errorf("a plain %T", err)
			}
		})
	}
}

// What is wrong with a password's source is known before any server is asked, and no command is run for it.
func TestEarly(t *testing.T) {
	home := alone(t)
	dir := t.TempDir()
	keyring.MockInit()
	stored := Vault{Keyring: true}
	if _, err := stored.Set(t.Context(), PasswordKey("alice", "h.test"), NewSecret(word)); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(dir, "ran")
	script := func(name, text string, mode fs.FileMode) string {
		return write(t, filepath.Join(dir, name), text, mode)
	}
	for _, c := range []struct {
		name   string
		source *Source
		fails  string // "": nothing is wrong
	}{
		{"literal", &Source{Password: NewSecret(word)}, ""},
		{"command", &Source{Command: []string{"touch", ran}}, ""},
		{"command with a path", &Source{Command: []string{script("there", "#!/bin/sh\ntouch "+ran, 0o700)}}, ""},
		{"command is missing", &Source{Command: []string{"postie-has-no-such-command"}}, "password_command postie-has-no-such-command: exec"},
		{"command's path is missing", &Source{Command: []string{filepath.Join(dir, "none")}}, "no such file"},
		{"command may not be run", &Source{Command: []string{script("plain", "#!/bin/sh", 0o600)}}, "permission denied"},
		{"command is a folder", &Source{Command: []string{dir}}, "password_command " + dir},
		{"line of a shell", &Source{Command: []string{"sh", "-c", "if true; then touch " + ran + "; fi"}}, ""},
		{"line that is more than a name", &Source{Command: []string{"sh", "-c", "X=1 postie-has-no-such-command"}}, ""},
		{"line of what is missing", &Source{Command: []string{"sh", "-c", "postie-has-no-such-command --now"}}, "password_command postie-has-no-such-command"},
		{"line of what may not be run", &Source{Command: []string{"sh", "-c", script("plain2", "#!/bin/sh", 0o600) + " x"}}, "permission denied"},
		{"file is missing", &Source{File: filepath.Join(dir, "none")}, "no such file"},
		{"file is open to all", &Source{File: script("open", word, 0o644)}, "chmod 600"},
		{"variable is not set", &Source{Env: "POSTIE_NO_SUCH"}, "not set"},
		{"keyring", &Source{Vault: &stored, User: "alice", Host: "h.test"}, ""},
		{"keyring without it", &Source{Vault: &stored, User: "bob", Host: "h.test", Account: "b"}, "postie login b"},
		{"nothing", &Source{Account: "home"}, "no password for account home"},
		{"nothing, no terminal", &Source{Account: "home", Terminal: NewTerminal(script("tty", "", 0o600))}, "no password for account home"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.source.Early(t.Context())
			switch {
			case c.fails == "" && err != nil, c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v, not %q", err, c.fails)
			case c.fails != "" && !errors.As(err, new(*UnreadableError)) && !errors.As(err, new(*NoSecretError)):
				t.Errorf("a plain %T", err)
			}
		})
	}
	if _, err := os.Lstat(ran); err == nil {
		t.Error("a command was run")
	}
	write(t, filepath.Join(home, ".netrc"), "machine h.test login alice password from-netrc", 0o600)
	if err := (&Source{Account: "home", User: "alice", Host: "h.test"}).Early(t.Context()); err != nil {
		t.Errorf("with a netrc: %v", err)
	}
}

// A command whose interpreter is missing cannot be started either.
func TestCommandNotStarted(t *testing.T) {
	odd := write(t, filepath.Join(t.TempDir(), "odd"), "#!/no/such/interpreter\n", 0o700)
	_, err := (&Source{Command: []string{odd}}).Secret(t.Context())
	if !errors.As(err, new(*UnreadableError)) {
		t.Errorf("%T: %v", err, err)
	}
	if _, err = TokenCommand([]string{odd}, nil, 0)(t.Context()); !errors.As(err, new(*UnreadableError)) {
		t.Errorf("%T: %v", err, err)
	}
}

func TestSourceOrder(t *testing.T) {
	home := alone(t)
	credentials := t.TempDir()
	ask := func() (string, error) {
		s := &Source{Account: "home", User: "alice", Host: "h.test"}
		secret, err := s.Secret(t.Context())
		return secret.Reveal(), err
	}
	write(t, filepath.Join(home, ".netrc"), "machine h.test login alice password from-netrc", 0o600)
	write(t, filepath.Join(credentials, "postie.home"), "from-systemd\n", 0o440)
	if got, err := ask(); got != "from-netrc" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	if got, err := ask(); got != "from-systemd" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	write(t, filepath.Join(credentials, "postie.home"), "", 0o440)
	if _, err := ask(); err == nil || err.Error() != "systemd credential postie.home: gave nothing" {
		t.Errorf("an empty credential: %v", err)
	}
	outside := &Source{Account: "../" + filepath.Base(credentials) + "/postie.home", User: "x", Host: "y"}
	if _, err := outside.Secret(t.Context()); !errors.As(err, new(*NoSecretError)) {
		t.Errorf("an account name that leaves the folder: %v", err)
	}
}

func TestNetrc(t *testing.T) {
	const text = `# comment machine h.test login alice password wrong
machine h.test
	login bob
	# two
	# comments
	password p-bob
machine H.test login alice account x password #p=alice"
macdef init
machine macro.test login alice password wrong

machine last.test login alice password p-last
machine incomplete.test login alice
default login alice password p-default
machine after.test login alice password p-after
machine`
	for _, c := range []struct{ host, user, want string }{
		{"h.test", "bob", "p-bob"}, {"h.test", "alice", `#p=alice"`}, {"last.test", "alice", "p-last"},
		{"h.test", "carol", ""}, {"macro.test", "alice", ""}, {"incomplete.test", "alice", ""},
		{"other.test", "alice", ""}, {"after.test", "alice", ""},
	} {
		if got := lookupNetrc(text, c.host, c.user).Reveal(); got != c.want {
			t.Errorf("%s@%s: %q, not %q", c.user, c.host, got, c.want)
		}
	}

	home := alone(t)
	path := write(t, filepath.Join(home, "rc"), text, 0o644)
	t.Setenv("NETRC", path)
	for _, c := range []struct{ host, fails string }{
		{"last.test", "netrc: " + path + ": refused, others than its owner have access (mode 0644): chmod 600"},
		{"elsewhere.test", "no password for account a"},
	} {
		s := Source{Account: "a", User: "alice", Host: c.host}
		if _, err := s.Secret(t.Context()); err == nil || !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}

func FuzzNetrc(f *testing.F) {
	f.Add("machine h login u password p")
	f.Add("default password")
	f.Add("macdef x\n\nmachine")
	f.Fuzz(func(t *testing.T, text string) {
		if s := lookupNetrc(text, "h", "u"); !s.IsZero() && !strings.Contains(text, s.Reveal()) {
			t.Errorf("%q is not in %q", s.Reveal(), text)
		}
	})
}

func TestSourceIsAskedOnce(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	s := &Source{Command: []string{"sh", "-c", "echo x >>" + count + "; echo " + word}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := s.Secret(t.Context()); err != nil || got.Reveal() != word {
				t.Error(err)
			}
		})
	}
	all.Wait()
	asked := func() int { text, _ := os.ReadFile(count); return len(text) / 2 }
	if asked() != 1 {
		t.Errorf("asked %d times", asked())
	}
}

func TestFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight[int]
		asked, finish := 0, make(chan error)
		ask := func(ctx context.Context) (int, error) {
			asked++
			select {
			case err := <-finish:
				return 7, err
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		do := func(ctx context.Context) (result chan error) { // returns once the caller asks or waits
			result = make(chan error, 1)
			go func() { _, err := f.do(ctx, nil, ask); result <- err }()
			synctest.Wait()
			return result
		}
		leaves := func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(t.Context())
			return ctx, func() { cancel(errTest); synctest.Wait() }
		}
		// Who waits may leave; an error is told to everybody who stays, and is not kept.
		ctx, leave := leaves()
		asks, waits, goes := do(t.Context()), do(t.Context()), do(ctx)
		leave()
		if err := <-goes; err != errTest {
			t.Errorf("who leaves: %v", err)
		}
		locked := errors.New("locked")
		finish <- locked
		if first, second := <-asks, <-waits; first != locked || second != locked || asked != 1 {
			t.Errorf("%v, %v, asked %d times", first, second, asked)
		}
		// When the one who asks leaves, another one asks.
		ctx, leave = leaves()
		asks, waits = do(ctx), do(t.Context())
		leave()
		finish <- nil
		if first, second := <-asks, <-waits; !errors.Is(first, context.Canceled) || second != nil || asked != 3 {
			t.Errorf("%v, %v, asked %d times", first, second, asked)
		}
		if n, err := f.do(t.Context(), nil, ask); n != 7 || err != nil || asked != 3 {
			t.Errorf("kept: %d, %v, asked %d times", n, err, asked)
		}
	})
}

func TestCommandIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user has enough")
	ready := filepath.Join(t.TempDir(), "ready")
	go func() {
		for {
			if _, err := os.Stat(ready); err == nil {
				cancel(why)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := command(ctx, []string{"sh", "-c", "touch " + ready + "; exec sleep 60"}, nil, 0)
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestCommandLeavesAChildBehind(t *testing.T) {
	// An agent that keeps the pipe open must not make the password wait for its end.
	left := filepath.Join(t.TempDir(), "pid")
	s, err := command(t.Context(), []string{"sh", "-c", "echo " + word + "; sleep 3600 & echo $! >" + left}, nil, 0)
	if err != nil || s.Reveal() != word {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the agent %d: %v", pid, err)
	}
}

func TestCommandIsCutShort(t *testing.T) {
	const flood = "head -c 9000000 /dev/zero | tr '\\0' x"
	s, err := command(t.Context(), []string{"sh", "-c", flood}, nil, 0)
	if err != nil || len(s.Reveal()) != 64<<10 {
		t.Errorf("%d bytes, %v", len(s.Reveal()), err)
	}
	if _, err := command(t.Context(), []string{"sh", "-c", flood + " >&2; exit 1"}, nil, 0); err == nil || len(err.Error()) > 600 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

func TestCommandInputIsEmpty(t *testing.T) {
	// go test gives no terminal: the child must find /dev/null and not what is piped into us.
	s, err := command(t.Context(), []string{"sh", "-c", "test -t 0 || echo got-$(cat)"}, nil, 0)
	if err != nil || s.Reveal() != "got-" {
		t.Errorf("%q, %v", s.Reveal(), err)
	}
}

func TestTokenCommandRunsForEachLogin(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	token := TokenCommand([]string{"sh", "-c", "echo x >>" + count + "; wc -l <" + count}, nil, 0)
	for _, want := range []string{"1", "2"} {
		if got, err := token(t.Context()); err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := TokenCommand([]string{"false"}, nil, 0)(t.Context()); err == nil || err.Error() != "token_command false: exit status 1" {
		t.Errorf("%v", err)
	}
}

func TestVault(t *testing.T) {
	home := alone(t)
	state, err := StateDir()
	if want := filepath.Join(home, ".local/state/postie"); err != nil || state != want {
		t.Errorf("%s, %v", state, err)
	}
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "st"))
	state, _ = StateDir()
	if want := filepath.Join(home, "st/postie"); state != want {
		t.Errorf("%s", state)
	}
	key, ctx := TokenKey("../alice", "h/x"), t.Context()
	get := func(v Vault, want string) {
		t.Helper()
		if got, err := v.Get(ctx, key); got.Reveal() != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: %q, %v; want %q", v, got.Reveal(), err, want)
		}
	}
	set := func(v Vault, secret, want string) {
		t.Helper()
		if place, err := v.Set(ctx, key, NewSecret(secret)); err != nil || place != want {
			t.Errorf("%+v: %s, %v", v, place, err)
		}
	}
	both, path := Vault{Keyring: true, Dir: state}, Vault{Dir: state}.Path(key)
	keyring.MockInit()
	get(both, "")
	set(both, "one", "the keyring")
	get(both, "one")
	get(Vault{Dir: state}, "")

	keyring.MockInitWithError(errors.New("no D-Bus"))
	if _, err := both.Get(ctx, key); err == nil || err.Error() != "ask the keyring: no D-Bus" {
		t.Errorf("%v", err)
	}
	if _, err := (Vault{Keyring: true}).Set(ctx, key, NewSecret("x")); err == nil || err.Error() != "store in the keyring: no D-Bus" {
		t.Errorf("%v", err)
	}
	set(both, "two", path)
	get(both, "two")
	set(both, "three", path)
	get(both, "three")
	if filepath.Dir(path) != state {
		t.Errorf("%s leaves %s", path, state)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if info, _ := os.Stat(state); info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v", info.Mode())
	}
	if entries, _ := os.ReadDir(state); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}

	keyring.MockInit() // the keyring is back: the file goes
	set(both, "four", "the keyring")
	get(both, "four")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(both.Delete(ctx, key), both.Delete(ctx, key)); err != nil {
		t.Error(err)
	}
	get(both, "")

	set(Vault{Dir: state}, "five", path)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := both.Get(ctx, key); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}
