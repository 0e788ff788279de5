package service

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// odd are words with whatever a syntax may take for its own.
var odd = []string{"plain", "", "with blank", `"quoted"`, `back\slash`, "it's", "100%", "$HOME", "a;b", "new\nline", "tab\there", "ü & <x>", "#x", "~", "*", "`id`", "$(id)"}

// What sh reads of a line of the crontab is the argument again; cron itself takes '%' for a line end unless it is escaped.
func TestShell(t *testing.T) {
	for _, word := range odd {
		out, err := exec.Command("sh", "-c", "printf %s "+shell(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: sh reads %q, %v", word, out, err)
		}
	}
	line, err := Job{Verb: "sync", Accounts: []string{"100%"}, Every: time.Hour, Program: "/usr/bin/postie", Config: "/c"}.line()
	if err != nil || !strings.HasSuffix(line, ` 100\%`+"\n") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestWhen(t *testing.T) {
	for every, want := range map[time.Duration]string{
		time.Minute: `^\* \* \* \* \*$`, 5 * time.Minute: `^[0-4]-59/5 \* \* \* \*$`, 30 * time.Minute: `^\d+-59/30 \* \* \* \*$`,
		time.Hour: `^\d+ \*/1 \* \* \*$`, 12 * time.Hour: `^\d+ \*/12 \* \* \*$`, 24 * time.Hour: `^\d+ \*/24 \* \* \*$`,
		7 * time.Minute: "", 90 * time.Second: "", 90 * time.Minute: "", 5 * time.Hour: "", 48 * time.Hour: "", 0: "", 30 * time.Second: "",
	} {
		got, err := Job{Verb: "fetch", Accounts: []string{"home"}, Every: every}.when()
		if (err == nil) != (want != "") || !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%v: %q, %v", every, got, err)
		}
	}
	minutes := map[string]bool{}
	for i := range 20 {
		when, _ := Job{Verb: "fetch", Accounts: []string{"a" + strconv.Itoa(i)}, Every: time.Hour}.when()
		minutes[when] = true
	}
	if len(minutes) < 10 {
		t.Errorf("20 accounts run at %d different minutes", len(minutes))
	}
}

// The lines of others stay as they were, whatever is put in and taken out.
func TestCrontab(t *testing.T) {
	for _, theirs := range []string{"", "MAILTO=me\n0 1 * * * true\n", "# postie-fetch-home: mine\n* * * * * true\n", "no end of line"} {
		line, err := Job{Verb: "fetch", Accounts: []string{"home"}, Every: time.Hour, Program: "/p", Config: "/c"}.line()
		if err != nil {
			t.Fatal(err)
		}
		if got, was := without(theirs+"\n"+line+"5 * * * * after\n", "postie-fetch-home"); got != theirs+"\n5 * * * * after\n" || !was {
			t.Errorf("%q: %q, %v", theirs, got, was)
		}
		if got, was := without(theirs, "postie-fetch-home"); got != theirs || was {
			t.Errorf("%q: %q, %v", theirs, got, was)
		}
		if got := jobs(theirs + "\n" + line); len(got) != 1 || got[0] != "postie-fetch-home" {
			t.Errorf("%q: %q", theirs, got)
		}
	}
}

// An agent is XML that gives back each argument.
func TestAgent(t *testing.T) {
	for _, word := range odd {
		j := Job{Verb: "sync", Accounts: []string{word}, Every: time.Hour, Program: "/p", Config: "/c"}
		d := xml.NewDecoder(strings.NewReader(j.agent("/logs")))
		found := false
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", word, err)
			}
			if text, ok := token.(xml.CharData); ok && string(text) == word {
				found = true
			}
		}
		if !found && word != "" {
			t.Errorf("%q is not in it:\n%s", word, j.agent("/logs"))
		}
	}
}

// Names of units hold nothing that a unit's name may not.
func TestEscape(t *testing.T) {
	seen := map[string]bool{}
	for _, account := range append(odd, "a/b", "a@b.c", "ä") {
		name := escape(account)
		if !regexp.MustCompile(`^[a-zA-Z0-9:_.@\\-]*$`).MatchString(name) || seen[name] {
			t.Errorf("%q becomes %q", account, name)
		}
		seen[name] = true
	}
}

// systemd itself says that the units are right, and how much they can reach.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil && os.Getenv("POSTIE_REQUIRE_DOVECOT") == "" {
		t.Skip("systemd-analyze is missing: apt-get install systemd; CI demands it")
	}
	program := filepath.Join(t.TempDir(), "100% $HOME 'x'")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`)
	for _, c := range []struct {
		name string
		job  Job
		most float64 // exposure, from 0 to 10; one that is not confined has 9.8
	}{
		{"timer", Job{Verb: "fetch", Accounts: []string{"it's 100% $mine"}, Namespaces: true, Writes: []string{"/mail/100% my \"own\"", "/state"}}, 2.5},
		{"watch", Job{Verb: "watch", Namespaces: true, Writes: []string{"/mail"}, Credentials: []Credential{{"home", "/secrets/100% x"}}}, 2.5},
		{"no namespaces", Job{Verb: "sync", Accounts: []string{"work"}}, 7},
		{"commands", Job{Verb: "sync", Accounts: []string{"work"}, Commands: true, Path: "/usr/bin:/my bin"}, 10},
	} {
		c.job.Program, c.job.Config, c.job.Every = program, "/home/me/my config", time.Hour
		files, err := Files(Systemd, c.job, Home{Units: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range files {
			if err := write(f); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, f.Path)
		}
		run := func(args ...string) string {
			cmd := exec.Command("systemd-analyze", args...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", c.name, err, out)
			}
			return string(out)
		}
		if out := run(append([]string{"verify", "--user"}, paths...)...); out != "" {
			t.Errorf("%s: systemd says %s\n%s", c.name, out, files[0].Text)
		}
		out := run("security", "--user", "--offline=true", "--no-pager", paths[0])
		m := whole.FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("%s: %s", c.name, out)
		}
		if exposure, err := strconv.ParseFloat(m[1], 64); err != nil || exposure > c.most {
			t.Errorf("%s: exposure %v, want at most %v\n%s", c.name, exposure, c.most, out)
		}
	}
}
