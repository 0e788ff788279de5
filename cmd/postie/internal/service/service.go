// Package service makes a machine run postie by itself: as systemd user units, as a launchd agent, or by a line of the crontab.
//
// What is to be written is decided by pure functions (systemd.go, launchd.go, cron.go) from a Job; install.go writes it and tells the
// service manager.
package service

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Kind is what runs a Job.
type Kind string

// The kinds.
const (
	Systemd Kind = "systemd" // user units: a timer for fetch and sync, a service for watch
	Launchd Kind = "launchd" // an agent of the user, macOS
	Cron    Kind = "cron"    // lines of the user's crontab
)

// Here is the kind that this machine has.
func Here() Kind {
	if runtime.GOOS == "darwin" {
		return Launchd
	}
	if info, err := os.Stat("/run/systemd/system"); err == nil && info.IsDir() { // sd_booted(3)
		return Systemd
	}
	return Cron
}

// Job is what is run unattended: fetch or sync of an account now and then, or watch of some for as long as the machine runs.
type Job struct {
	Verb     string        // "fetch", "sync" or "watch"
	Accounts []string      // that it names; with watch none means all
	Every    time.Duration // between two runs; not for watch
	Program  string        // absolute path of postie
	Config   string        // absolute path of the configuration

	Credentials []Credential
	Writes      []string // folders that the job writes into
	Commands    bool     // it runs commands of the user (hooks, password_command, a tunnel): what they need is not known
	Path        string   // $PATH, for these commands
	Namespaces  bool     // an unprivileged process may make user namespaces here; see Namespaces
}

// Credential is a file that holds the password of an account (systemd.exec(5), LoadCredential=).
type Credential struct{ Account, File string }

// Name is the job's name for the service manager: postie-sync-work, postie-watch.
func (j Job) Name() string {
	if j.Verb == "watch" {
		return "postie-watch"
	}
	return name(j.Verb, j.Accounts[0])
}

func name(verb, account string) string { return "postie-" + verb + "-" + escape(account) }

// escape is the account as a part of a unit's name and of a file's name, as systemd.unit(5) escapes.
func escape(account string) string {
	var b strings.Builder
	for _, c := range []byte(account) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.@:", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// argv is the command line. Unattended, only trouble is worth a mail; a journal may hold more.
func (j Job) argv(quiet bool) []string {
	argv := []string{j.Program, j.Verb, "--config", j.Config}
	if quiet {
		argv = append(argv, "--quiet")
	}
	if len(j.Accounts) == 0 {
		return argv
	}
	return append(append(argv, "--"), j.Accounts...) // an account's name may begin with '-'
}

// about is the job in a few words.
func (j Job) about() string {
	if len(j.Accounts) == 0 {
		return "postie " + j.Verb
	}
	return "postie " + j.Verb + " " + strings.Join(j.Accounts, " ")
}

// File is a file for the service manager, or without a path what is to stand in the crontab.
type File struct{ Path, Text string }

// Files are what kind k needs to run the job. Errors are those of a job that it cannot run.
func Files(k Kind, j Job, home Home) ([]File, error) {
	switch k {
	case Systemd:
		return j.units(home.Units), nil
	case Launchd:
		return []File{{filepath.Join(home.Agents, j.Name()+".plist"), j.agent(home.Logs)}}, nil
	}
	line, err := j.line()
	return []File{{Text: line}}, err
}

// Home says where a user's files for service managers lie.
type Home struct {
	Units  string // $XDG_CONFIG_HOME/systemd/user
	Agents string // ~/Library/LaunchAgents
	Logs   string // ~/Library/Logs
}

// FindHome reads the environment.
func FindHome() (Home, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Home{}, err
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	return Home{
		Units:  filepath.Join(config, "systemd", "user"),
		Agents: filepath.Join(home, "Library", "LaunchAgents"),
		Logs:   filepath.Join(home, "Library", "Logs"),
	}, nil
}

// marker is how a file is known to be ours.
const marker = "Written by `postie service install`, which writes it anew."

// seconds of d, at least one.
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
