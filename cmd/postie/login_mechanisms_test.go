package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/doctor"
	"postie/testdata/dovecot"
)

// TestMechanisms logs in to Dovecot with each mechanism, over both protocols, as `postie check` does; and each wrong
// credential ends in exit 4 with a sentence that names the mechanism and what the server answered.
func TestMechanisms(t *testing.T) {
	mail, pem := dovecot.StartMechanisms(t)
	for _, protocol := range []string{"pop3", "imap"} {
		for _, mechanism := range []string{"auto", "plain", "login", "user", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "external", "apop"} {
			if mechanism == "apop" && protocol == "imap" {
				continue
			}
			t.Run(protocol+" "+mechanism, func(t *testing.T) {
				t.Parallel() // a refusal takes Dovecot half a second
				port, tls := map[string]int{"pop3": mail.POP3S, "imap": mail.IMAPS}[protocol], "implicit"
				if mechanism == "apop" { // hashes with the greeting, for want of TLS
					port, tls = mail.POP3, "none"
				}
				lines := fmt.Sprintf("[account.x]\nprotocol = %q\nhost = \"127.0.0.1\"\nport = %d\ntls = %q\nuser = \"alice\"\nmaildir = \"m\"\nauth = %q\n", protocol, port, tls, mechanism)
				if tls == "implicit" {
					lines += fmt.Sprintf("tls_ca = %q\n", mail.CA)
				}
				right, wrong := "password = \""+dovecot.Password+"\"\n", "password = \"Wrong-Password\"\n"
				if strings.Contains(mechanism, "oauth") {
					right, wrong = `token_command = ["echo", "`+dovecot.Token+"\"]\n", "token_command = [\"echo\", \"Wrong-Token\"]\n"
				}
				if mechanism == "external" {
					right, wrong = fmt.Sprintf("client_cert = %q\n", pem), ""
				}
				want := map[string]string{"auto": "SCRAM-SHA-256", "user": "user and password"}[mechanism]
				if want == "" {
					want = strings.ToUpper(mechanism)
				}
				code, login := checkLogin(t, lines+right)
				if code != 0 || login.Status != "ok" || !strings.HasPrefix(login.Found, want+" as alice") {
					t.Errorf("exit %d, %+v", code, login)
				}
				if wrong == "" {
					return
				}
				code, login = checkLogin(t, lines+wrong)
				named := map[string]string{"user": map[string]string{"pop3": "USER", "imap": "LOGIN"}[protocol], "auto": "SCRAM-SHA-256"}[mechanism]
				if named == "" {
					named = want
				}
				if code != 4 || login.Status != "fail" || !strings.Contains(login.Found, "login by "+named) || !strings.Contains(login.Found, "efuse") {
					t.Errorf("exit %d, %+v", code, login)
				}
				if strings.Contains(fmt.Sprint(login), "Wrong-") {
					t.Errorf("the secret is in %+v", login)
				}
			})
		}
	}
}

// checkLogin runs `postie check --json` and gives its exit code and login step.
func checkLogin(t *testing.T, lines string) (int, doctor.Step) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	writeFile(t, path, lines)
	var out, errOut strings.Builder
	code := run([]string{"check", "--json", "-c", path}, &out, &errOut)
	var report doctor.Report
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), errOut.String())
	}
	for _, step := range report.Steps {
		if step.Step == "login" {
			return code, step
		}
	}
	return code, doctor.Step{Found: fmt.Sprint(report)}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
